"""The hub that models are fetched from: huggingface.co, or a mirror that answers as it does.

Three questions are asked (see the Hub API's reference, and huggingface_hub's file_download):
``/api/models/REPO/revision/REV`` for the commit that a branch is at,
``/api/models/REPO/tree/COMMIT`` for the files with their sizes and checksums, page by page, and
``/REPO/resolve/COMMIT/FILE`` for a file; of a large one the answer leads on to a content network.
A large file (LFS) is known by its SHA-256, a small one by the SHA-1 that git gives its content.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import httpx

from twicetold import __version__
from twicetold.engines.models.names import refuse_unsafe
from twicetold.errors import DownloadFailed, SettingError

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_LONGEST_WAIT_S = 60.0
_MOST_PAGES = 100
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")


class Broken(Exception):
    """It may go better when tried again, after ``wait_s`` if the hub has said how long. ``away``:
    nobody was there to answer."""

    def __init__(self, reason: str, wait_s: float | None = None, *, away: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.wait_s, self.away = reason, wait_s, away


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at a commit, with whichever checksum the hub knows it by."""

    path: str
    size_bytes: int
    sha256: str | None
    git_sha1: str | None

    @property
    def digest(self) -> str:
        return self.sha256 or self.git_sha1 or ""


class Hub:
    """Every verb blocks; raises Broken for what may pass, DownloadFailed for what will not."""

    def __init__(self, url: str, *, timeout: httpx.Timeout = _TIMEOUT) -> None:
        """``url`` may hold a name and a password; neither is ever said. Raises SettingError for one
        that cannot be read."""
        try:
            base = httpx.URL(url.rstrip("/"))
        except httpx.InvalidURL as error:
            raise SettingError(f"models_hub cannot be read: {error}.") from error
        self.host = f"{base.host}:{base.port}" if base.port else base.host
        self._base = base
        self._http = httpx.Client(
            base_url=base,
            timeout=timeout,
            follow_redirects=True,  # without the password, where they lead to another host
            headers={"User-Agent": f"twicetold/{__version__}", "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def commit(self, repository: str, revision: str) -> str:
        """The commit that a branch, a tag or a commit stands for."""
        path = f"/api/models/{quote(repository)}/revision/{quote(revision, safe='')}"
        found = self._json(path, f"{repository} at {revision}")[0]
        sha = found.get("sha") if isinstance(found, dict) else None
        if not isinstance(sha, str) or not _SHA1.fullmatch(sha):
            raise self._not_a_hub()
        return sha

    def files(self, repository: str, commit: str) -> list[RemoteFile]:
        """All files at a commit, in folders too. Raises DownloadFailed also for a file that would
        lie outside its directory."""
        url: str | None = f"/api/models/{quote(repository)}/tree/{commit}?recursive=true"
        found: list[RemoteFile] = []
        for _ in range(_MOST_PAGES):
            if url is None:
                return found
            entries, url = self._json(url, f"{repository} at {commit}")
            try:
                found += [_file_of(entry) for entry in entries if entry["type"] == "file"]
            except (KeyError, TypeError, ValueError) as error:
                raise self._not_a_hub() from error
        raise self._not_a_hub()

    @contextmanager
    def file(
        self, repository: str, commit: str, file: RemoteFile, headers: dict[str, str]
    ) -> Iterator[httpx.Response]:
        """The answer to a request for a file: 200, 206 or 416, its body not yet read."""
        path = f"/{quote(repository)}/resolve/{commit}/{quote(file.path)}"
        with self._asking(), self._http.stream("GET", path, headers=headers) as response:
            if response.status_code not in (200, 206, 416):
                self._refuse(response, f"{file.path} of {repository}")
            _refuse_another(response, file)
            yield response

    def _json(self, path: str, what: str) -> tuple[Any, str | None]:
        """The answer, and where the next page of it is."""
        with self._asking():
            response = self._http.get(path)
        if response.status_code != httpx.codes.OK:
            self._refuse(response, what)
        try:
            return response.json(), self._next_page(response)
        except ValueError as error:
            raise self._not_a_hub() from error

    def _next_page(self, response: httpx.Response) -> str | None:
        """On this hub, whatever the link says: no listing leads elsewhere."""
        link = response.links.get("next", {}).get("url")
        if link is None:
            return None
        to = response.url.join(link)
        here = {"scheme": self._base.scheme, "netloc": self._base.netloc}
        return str(to.copy_with(**here, userinfo=self._base.userinfo))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except httpx.TooManyRedirects as error:
            raise DownloadFailed(f"The hub at {self.host} sends on and on.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            away = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise Broken(str(error) or type(error).__name__, away=away) from error

    def _refuse(self, response: httpx.Response, what: str) -> None:
        status = response.status_code
        if status in _PASSING:
            raise Broken(f"it answers {status}", _wait_s(response))
        if status in (401, 403):
            raise DownloadFailed(
                f"The hub at {self.host} wants a login for {what} ({status}).",
                "It may have been renamed or closed. Fetch it by other means, and name its "
                "directory: ENGINE:/models/NAME",
            )
        if status == httpx.codes.NOT_FOUND:
            raise DownloadFailed(
                f"The hub at {self.host} has no {what}.",
                "It may have been renamed or removed; another revision can be had with --revision.",
            )
        raise DownloadFailed(f"The hub at {self.host} refuses {what} ({status}).")

    def _not_a_hub(self) -> DownloadFailed:
        return DownloadFailed(
            f"What answers at {self.host} is no hub: its answer cannot be read.",
            "Name another with --models-hub, or the setting models_hub.",
        )


def _file_of(entry: dict[str, Any]) -> RemoteFile:
    """Raises ValueError, KeyError and TypeError for what is no entry, DownloadFailed for a path
    that leads out."""
    path, size, lfs = str(entry["path"]), int(entry["size"]), entry.get("lfs") or {}
    digest = str(lfs["oid"] if lfs else entry["oid"])
    if size < 0 or not (_SHA256 if lfs else _SHA1).fullmatch(digest):
        raise ValueError(path)
    refuse_unsafe(path)
    sha256, sha1 = (digest, None) if lfs else (None, digest)
    return RemoteFile(path, int(lfs.get("size", size)), sha256, sha1)


def _refuse_another(response: httpx.Response, file: RemoteFile) -> None:
    """Where the hub sends on it says what to; better now than after gigabytes."""
    for each in (*response.history, response):
        etag = each.headers.get("x-linked-etag", "").removeprefix("W/").strip('"')
        size = each.headers.get("x-linked-size", "")
        if (file.sha256 and _SHA256.fullmatch(etag) and etag != file.sha256) or (
            size.isdecimal() and int(size) != file.size_bytes
        ):
            raise DownloadFailed(
                f"The hub lists one {file.path} and sends another.", "Try again later."
            )


def _wait_s(response: httpx.Response) -> float | None:
    """What the hub asks for, within reason."""
    asked = response.headers.get("retry-after", "")
    return min(float(asked), _LONGEST_WAIT_S) if asked.isdecimal() else None
