"""What to do about an error, for somebody at a terminal: a server's hints speak HTTP."""

from __future__ import annotations

from collections.abc import Mapping

HINTS: Mapping[str, str] = {
    "unauthorized": (
        "Give the tenant's key with --key KEY, or in the variable TWICETOLD_KEY. Whoever runs the "
        "server makes one: twicetold tenants add NAME"
    ),
    "call_not_found": "List the calls: twicetold calls list",
    "transcript_not_ready": (
        "twicetold calls list says how far the call is. Where it failed, twicetold jobs list says "
        "why, and twicetold jobs retry CALL_ID tries again."
    ),
    "transcript_not_found": "Ask for --version best.",
    "call_id_in_use": "Choose another with --call-id.",
    "call_id_used": "A call id is used once; choose another with --call-id.",
    "upload_too_large": "Raise the setting max_upload_mb, or use a compressed format (flac, mp3).",
}


def hint_for(code: str, hint: str) -> str:
    """The hint of an error of this code; ``hint`` where the command line has no better one."""
    return HINTS.get(code, hint)
