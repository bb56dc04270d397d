"""The page: ``GET /`` for browsers, and the files it is made of under ``/assets/``.

It is built from ``web/`` into the package's ``page`` folder; where that was not done, a note
says how to get it. Nothing here asks for a key: all that the page shows comes from the API.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from twicetold.errors import NotFound
from twicetold.gateway.conditions import matches
from twicetold.gateway.page_folder import FOLDER
from twicetold.gateway.reference import PLAIN_HEADERS, plain_head

router = APIRouter(include_in_schema=False)

_NONCE = b"%CSP_NONCE%"
# The nonce is for one library's <style>, in the shadow root of the waveform.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; media-src 'self' blob:; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A worker lives by the policy that its own file came with: it may ask this server, and no other.
_PART_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'"
_HEADERS = {
    "Cache-Control": "no-cache",
    "Vary": "Accept",
    "Permissions-Policy": "microphone=(self), screen-wake-lock=(self), camera=(), geolocation=()",
}
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_ENCODINGS = {"br": ".br", "gzip": ".gz"}  # the build lays them beside each text
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}")  # no way out of the folder
_MISSING = """<h1>Twicetold</h1>
<p>The server runs, but its page was not built. In a checkout <code>make page</code> builds it;
a released wheel brings it along.</p>
<p>Everything that the page does can be done through the API: <a href="docs">docs</a>.</p>"""


def wants_page(request: Request) -> bool:
    """Whether a browser asks: it names HTML, which programs do not."""
    return "text/html" in request.headers.get("accept", "").lower()


async def page() -> Response:
    """The page with a nonce of its own, or how to get it."""
    template = await asyncio.to_thread(_read, FOLDER / "index.html")
    if template is None:
        note = "\n".join((*plain_head("Twicetold"), _MISSING))
        return HTMLResponse(note, headers=_HEADERS | PLAIN_HEADERS)
    nonce = secrets.token_urlsafe(16)
    policy = {"Content-Security-Policy": _POLICY.format(nonce=nonce)}
    return HTMLResponse(template.replace(_NONCE, nonce.encode()), headers=_HEADERS | policy)


@router.head("/assets/{name}")
@router.get("/assets/{name}")
async def asset(name: str, request: Request) -> Response:
    """A part of the page. Its name holds the hash of its content, so it never changes."""
    return await _file(FOLDER / "assets", name, request, "public, max-age=31536000, immutable")


@router.head("/favicon.svg")
@router.get("/favicon.svg")
async def favicon(request: Request) -> Response:
    return await _file(FOLDER, "favicon.svg", request, "public, max-age=86400")


async def _file(folder: Path, name: str, request: Request, caching: str) -> Response:
    """Compressed where the client takes it. Raises NotFound."""
    kind = _TYPES.get(Path(name).suffix)
    if kind is None or not _NAME.fullmatch(name):
        raise _no_part(name)
    encoding, content = await asyncio.to_thread(_best, folder / name, _accepted(request))
    if content is None:
        raise _no_part(name)
    etag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    headers = {"Cache-Control": caching, "Vary": "Accept-Encoding", "ETag": etag}
    headers["Content-Security-Policy"] = _PART_POLICY
    if encoding is not None:
        headers["Content-Encoding"] = encoding
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


def _no_part(name: str) -> NotFound:
    return NotFound(
        f"The page has no part {name[:80]!a}.", "Load the page again: the server was updated."
    )


def _accepted(request: Request) -> list[str]:
    """The encodings we have that the client takes (RFC 9110, 12.5.3), smallest first."""
    offered = request.headers.get("accept-encoding", "").lower().split(",")
    refused = re.compile(r"q=0(\.0*)?\s*$")
    taken = {item.split(";")[0].strip() for item in offered if not refused.search(item)}
    return [encoding for encoding in _ENCODINGS if encoding in taken]


def _best(path: Path, accepted: list[str]) -> tuple[str | None, bytes | None]:
    for encoding in accepted:
        content = _read(path.with_name(path.name + _ENCODINGS[encoding]))
        if content is not None:
            return encoding, content
    return None, _read(path)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
