"""One file from the hub, whole and checked, however often the connection ends on the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from twicetold.engines.models.hub import Broken, Hub, RemoteFile
from twicetold.engines.models.part import Part, WrongContent
from twicetold.errors import DownloadFailed

ATTEMPTS = 5  # in a row that bring nothing
_LONGEST_WAIT_S = 30.0
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")

Moved = Callable[[int], None]  # takes the bytes of the file that are there
Again = Callable[[str, float], None]  # takes what went wrong, and the seconds to wait


@dataclass(frozen=True, slots=True)
class Source:
    """Where files come from. ``pause`` waits so many seconds."""

    hub: Hub
    repository: str
    commit: str
    pause: Callable[[float], None]

    def tried(self, work: Callable[[], None], brought: Callable[[], int], again: Again) -> None:
        """Do ``work`` until it succeeds; it is given up after ``ATTEMPTS`` in a row that
        ``brought`` nothing. Raises DownloadFailed."""
        failures = 0
        while True:
            before = brought()
            try:
                work()
            except Broken as error:
                failures = 1 if brought() > before else failures + 1
                if failures >= ATTEMPTS:
                    raise gone(self.hub, error) from error
                wait_s = error.wait_s or min(2.0 ** (failures - 1), _LONGEST_WAIT_S)
                again(error.reason, wait_s)
                self.pause(wait_s)
            else:
                return


def fetch(source: Source, file: RemoteFile, folder: Path, moved: Moved, again: Again) -> str:
    """Have the file in ``folder``, going on from what is there of it; returns its SHA-256. Blocks.

    Raises DownloadFailed for what does not come, or comes wrong twice; OSError of the disk.
    """
    with Part(folder, file) as part:
        for last_try in (False, True):
            try:
                moved(part.size_bytes)
                source.tried(
                    lambda: _go_on(source, file, part, moved), lambda: part.size_bytes, again
                )
                return part.finish()
            except WrongContent as error:
                part.restart()
                if last_try:
                    raise DownloadFailed(
                        f"The hub at {source.hub.host} sends a wrong {file.path}, twice: {error}.",
                        "Nothing of it is kept. Try again later, or another hub (--models-hub).",
                    ) from error
                again(f"{file.path} came wrong ({error})", 0.0)
    raise AssertionError("unreachable")


def gone(hub: Hub, error: Broken) -> DownloadFailed:
    """For a hub that does not answer, or no longer."""
    return DownloadFailed(
        f"The hub at {hub.host} does not answer: {error.reason}.",
        "Check the network, or name a mirror with --models-hub; the same command goes on from what "
        "is there. Without a network, name the directory of a copy: ENGINE:/models/NAME",
    )


def _go_on(source: Source, file: RemoteFile, part: Part, moved: Moved) -> None:
    """Ask for what is missing. Raises Broken where less than that came, and WrongContent."""
    if part.size_bytes == file.size_bytes:
        return
    with source.hub.file(source.repository, source.commit, file, _headers(part)) as response:
        begins = _begins(response, file)
        if begins != part.size_bytes:  # no ranges here, or another content than before
            part.restart()
            moved(0)
        if begins != part.size_bytes:
            raise Broken(f"it sends from byte {begins} on")
        part.note(response.headers.get("etag", ""))
        for block in response.iter_raw():
            part.write(block)
            moved(part.size_bytes)
    if part.size_bytes < file.size_bytes:
        raise Broken("the connection ended early")


def _headers(part: Part) -> dict[str, str]:
    if not part.size_bytes:
        return {}
    headers = {"Range": f"bytes={part.size_bytes}-"}
    return headers | ({"If-Range": part.etag} if part.etag else {})


def _begins(response: httpx.Response, file: RemoteFile) -> int:
    """The first byte that the answer brings; -1 for none of ours. Raises WrongContent for a file of
    another size."""
    if response.status_code == httpx.codes.OK:
        return 0
    found = _RANGE.fullmatch(response.headers.get("content-range", ""))
    if response.status_code != httpx.codes.PARTIAL_CONTENT or found is None:
        return -1
    if found[2] not in ("*", str(file.size_bytes)):
        raise WrongContent(f"{found[2]} bytes instead of {file.size_bytes}")
    return int(found[1])
