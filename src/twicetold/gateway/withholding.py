"""What is not shown of a tenant whose words are to be redacted: all that redaction has not seen.

Words are redacted where they are made. This is the last door: it holds what was made before
redaction was switched on, and whatever else came by another way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from twicetold.errors import RedactionUnavailable
from twicetold.gateway.context import Platform
from twicetold.speech.events import Caption, Kind
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import WITHHELD, Final, Segment

_BEFORE = (
    "It was transcribed before redaction was switched on, or is in a language it does not know."
)


def redacts(platform: Platform, tenant: str) -> bool:
    """Whether personal data is to be removed from that tenant's words, as things are now."""
    return platform.enrichment(tenant).redacts


def shown_draft(segments: Iterable[Segment]) -> list[Segment]:
    """Finals that redaction has not seen have lost their words."""
    return [
        each if each.safe else replace(each, text=WITHHELD, words=(), probability=None)
        for each in segments
    ]


def refuse_unsafe(key: CallKey, segments: Iterable[Segment]) -> None:
    """Raises RedactionUnavailable where redaction has not seen all of it."""
    if not all(segment.safe for segment in segments):
        raise RedactionUnavailable(f"This text of call {key.call_id} is not redacted.", _BEFORE)


def shown_caption(caption: Caption) -> Caption | None:
    """The caption as it may be shown; None where it may not be."""
    if caption.kind not in (Kind.FINAL, Kind.PARTIAL):
        return caption
    body = caption.body()
    if body.get("safe"):
        return caption
    if caption.kind is Kind.PARTIAL:
        return None
    return Caption.of_final(replace(Final.from_dict(body), text=WITHHELD, words=(), safe=True))
