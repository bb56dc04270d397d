"""A hub for tests, on this machine: the three answers of Hugging Face that a download needs, given
as strictly as there, and every way in which they can go wrong.

Large files are sent from a content network, under an address that is good for one request.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

LARGE_BYTES = 1_000  # from here on LFS has it
_BLOCK_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Fault:
    """What one request for a file's content meets: a ``status``, a body that breaks off after
    ``drop_after`` bytes, ``other`` content, another validator than the one before (``changed``)."""

    status: int = 0
    retry_after: str = ""
    drop_after: int | None = None
    other: bytes | None = None
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    path: str
    range: str
    if_range: str
    authorization: str


@dataclass
class Repository:
    """Files by commit, and commits by branch."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def add(self, files: dict[str, bytes], commit: str = "", branch: str = "main") -> str:
        commit = commit or hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.commits[commit] = files
        self.branches[branch] = commit
        return commit


class HubServer:
    """``faults``: by path, met one after another. ``ranges`` False: it knows none."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.renamed: dict[str, str] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.api_faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.page_size, self.ranges, self.rate_bytes_s = 1_000, True, 0.0
        self.listed: list[dict[str, object]] = []  # lies beside the true files
        self.sent_bytes = 0
        self.url = ""
        self._signed: dict[str, tuple[str, bytes]] = {}

    def repository(self, name: str) -> Repository:
        return self.repositories.setdefault(name, Repository())

    def of_content(self) -> list[Asked]:
        """Requests that a file's bytes answered."""
        return [each for each in self.asked if not each.path.startswith("/api/")]

    def sign(self, path: str, content: bytes) -> str:
        signature = secrets.token_hex(8)
        self._signed[signature] = (path, content)
        return signature

    def redeem(self, signature: str) -> tuple[str, bytes] | None:
        return self._signed.pop(signature, None)


@contextlib.contextmanager
def running_hub() -> Iterator[HubServer]:
    hub = HubServer()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        hub.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub, url = self.hub, urlsplit(self.path)
        headers = (self.headers.get(name, "") for name in ("Range", "If-Range", "Authorization"))
        hub.asked.append(Asked(self.path, *headers))
        pieces = [unquote(piece) for piece in url.path.split("/")[1:]]
        with contextlib.suppress(ConnectionError):
            if pieces[0] == "cdn":
                self._cdn(pieces[1], parse_qs(url.query).get("signature", [""])[0])
            elif pieces[:2] == ["api", "models"]:
                self._api(pieces[2:], parse_qs(url.query))
            else:
                self._resolve(pieces)

    def _api(self, pieces: list[str], query: dict[str, list[str]]) -> None:
        name, what = "/".join(pieces[:2]), pieces[2]
        if self.hub.api_faults and self._failed(self.hub.api_faults.pop(0)):
            return
        if self._moved(name):
            return
        repository = self.hub.repositories.get(name)
        if repository is None:
            self._json({"error": "Invalid username or password."}, 401)  # as the hub says it
            return
        revision = "/".join(pieces[3:])
        commit = repository.branches.get(revision, revision)
        if commit not in repository.commits:
            self._json({"error": f"Invalid rev id: {revision}"}, 404)
        elif what == "revision":
            self._json({"id": name, "sha": commit, "siblings": []})
        elif what == "tree" and query.get("recursive") == ["true"]:
            self._tree(repository.commits[commit], int(query.get("cursor", ["0"])[0]))
        else:
            self._json({"error": "Not found"}, 404)

    def _tree(self, files: dict[str, bytes], begin: int) -> None:
        entries = [_entry(path, content) for path, content in files.items()]
        entries += [{"type": "directory", "oid": "0" * 40, "size": 0, "path": "onnx"}]
        entries += self.hub.listed
        end = begin + self.hub.page_size
        url = f"{self.hub.url}{self.path.partition('?')[0]}?recursive=true&cursor={end}"
        more = {"Link": f'<{url}>; rel="next"'} if end < len(entries) else {}
        self._json(entries[begin:end], headers=more)

    def _resolve(self, pieces: list[str]) -> None:
        name, path = "/".join(pieces[:2]), "/".join(pieces[4:])
        if self._moved(name):
            return
        repository = self.hub.repositories.get(name)
        content = repository and repository.commits.get(pieces[3], {}).get(path)
        if pieces[2] != "resolve" or content is None:
            self._json({"error": "Entry not found"}, 404)
            return
        if len(content) < LARGE_BYTES:
            self._content(path, content, f'"{_git_sha1(content)}"')
            return
        digest = hashlib.sha256(content).hexdigest()
        elsewhere = self.hub.url.replace("127.0.0.1", "localhost")
        self._answer(
            302,
            {
                "Location": f"{elsewhere}/cdn/{digest}?signature={self.hub.sign(path, content)}",
                "X-Repo-Commit": pieces[3],
                "X-Linked-Size": str(len(content)),
                "X-Linked-Etag": f'"{digest}"',
                "ETag": '"of-the-redirect"',
            },
        )

    def _cdn(self, digest: str, signature: str) -> None:
        signed = self.hub.redeem(signature)
        if signed is None or "Authorization" in self.headers:
            self._json({"error": "Access denied"}, 403)
            return
        self._content(*signed, f'"{digest}"')

    def _content(self, path: str, content: bytes, etag: str) -> None:
        faults = self.hub.faults.get(path, [])
        fault = faults.pop(0) if faults else Fault()
        if self._failed(fault):
            return
        content = content if fault.other is None else fault.other
        etag = '"another"' if fault.changed else etag
        begin, headers = 0, {"ETag": etag}
        asked = self.headers.get("Range", "")
        if asked and self.hub.ranges and self.headers.get("If-Range", etag) == etag:
            begin = int(asked.removeprefix("bytes=").removesuffix("-"))
            if begin >= len(content):
                self._answer(416, {"Content-Range": f"bytes */{len(content)}"})
                return
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        self._answer(206 if begin else 200, headers, content[begin:], fault.drop_after)

    def _failed(self, fault: Fault) -> bool:
        if not fault.status:
            return False
        retry = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        self._answer(fault.status, retry)
        return True

    def _moved(self, name: str) -> bool:
        if name not in self.hub.renamed:
            return False
        self._answer(307, {"Location": self.path.replace(name, self.hub.renamed[name])})
        return True

    def _json(self, body: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        kind = {"Content-Type": "application/json"}
        self._answer(status, kind | (headers or {}), json.dumps(body).encode())

    def _answer(
        self,
        status: int,
        headers: dict[str, str],
        body: bytes = b"",
        drop_after: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for at in range(0, len(body[:drop_after]), _BLOCK_BYTES):
            block = body[:drop_after][at : at + _BLOCK_BYTES]
            self.wfile.write(block)
            self.hub.sent_bytes += len(block)
            if self.hub.rate_bytes_s:
                time.sleep(len(block) / self.hub.rate_bytes_s)
        if drop_after is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None: ...


def _entry(path: str, content: bytes) -> dict[str, object]:
    """As the tree of a repository lists it; LFS keeps a pointer in the file's place."""
    if len(content) < LARGE_BYTES:
        return {"type": "file", "oid": _git_sha1(content), "size": len(content), "path": path}
    oid = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"
    lfs = {"oid": oid, "size": len(content), "pointerSize": len(pointer)}
    sha1 = _git_sha1(pointer.encode())
    return {"type": "file", "oid": sha1, "size": len(content), "lfs": lfs, "path": path}


def _git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
