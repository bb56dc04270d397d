"""The HTTP API against those who may not, and against what it cannot use: clear errors, no harm."""

from __future__ import annotations

import asyncio
import errno
import json
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import WebSocket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tests.integration.api_harness import (
    Api,
    canonical,
    ended_call,
    error_of,
    events_of,
    live_call,
    running_api,
    serving,
    tone,
    until,
)
from tests.tree import below

from twicetold.errors import Forbidden, Unauthorized
from twicetold.gateway import transcript, upload
from twicetold.gateway.auth import tenant_of_socket
from twicetold.speech.identity import CallKey
from twicetold.storage import local_path, recording_key
from twicetold.tenants import Tenants

pytestmark = pytest.mark.integration

KEY = CallKey("default", "call-1")
HOSTILE_IDS = (
    "..",
    ".",
    ".hidden",
    "-x",
    "../../etc/passwd",
    "a/../../b",
    "a\\b",
    "a\0b",
    "a%2fb",
    "a b",
    "a\nb",
    "é",
    "call\u202e1",
    "😀",
    "x" * 129,
    "x" * 5_000,
    "<script>",
    "' OR 1=1 --",
    "%2e%2e",
)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as api:
        yield api


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Api]:
    """With two tenants, ``acme`` and ``mallory``."""
    async with running_api(tmp_path, ["acme", "mallory"]) as api:
        yield api


async def raw(
    api: Api, method: str, path: str, raw_path: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """A request whose path no client library has tidied."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": raw_path or path.encode("utf-8", "surrogateescape"),
        "root_path": "",
        "query_string": b"",
        "headers": [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in {"host": "127.0.0.1", **(headers or {})}.items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8300),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await api.app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(body) if body else None


# --- who may -------------------------------------------------------------------------------


def every_route(api: Api) -> list[tuple[str, str]]:
    """(method, path) of everything below /v1, as the description has it."""
    return [
        (method.upper(), path)
        for path, operations in api.app.openapi()["paths"].items()
        if path.startswith("/v1/")
        for method in operations
    ]


async def ask(api: Api, method: str, path: str, **options: Any) -> httpx.Response:
    """A request that would succeed for whoever owns ``call-1``."""
    if path == "/v1/search":
        options["params"] = {"q": "secret"}
    if path == "/v1/tickets":
        options["json"] = {"call_id": "call-1"}
    if path.endswith("/outcomes"):
        options["json"] = {"won": "yes"}
    elif method == "PUT":
        options["content"] = tone()
    return await api.client.request(method, path.replace("{call_id}", "call-1"), **options)


async def test_without_a_key_every_route_is_closed(guarded: Api) -> None:
    routes = every_route(guarded)
    assert len(routes) >= 12
    for method, path in routes:
        for headers in ({}, {"Authorization": "Bearer tt_000000000000_" + "a" * 43}):
            response = await ask(guarded, method, path, headers=headers)
            assert response.status_code == 401, (method, path)
            assert error_of(response)["code"] == "unauthorized"
            assert response.headers["www-authenticate"].startswith("Bearer")
    assert (await guarded.client.head("/v1/calls/call-1/audio")).status_code == 401


async def test_another_tenants_key_sees_and_changes_nothing(guarded: Api) -> None:
    key = CallKey("acme", "call-1")
    uploaded = await guarded.client.put(
        "/v1/recordings/call-1", content=tone(), headers=guarded.as_tenant("acme")
    )
    assert uploaded.status_code == 202
    await ended_call(guarded, key, 2, "secret words")
    await canonical(guarded, key, "rev-1", ["secret words"])
    lease = await guarded.platform.queue.claim()
    await lease.fail("engine_failed", "secret error")
    before = local_path(guarded.platform.store, recording_key(key)).read_bytes()
    for method, path in every_route(guarded):
        response = await ask(guarded, method, path, headers=guarded.as_tenant("mallory"))
        assert b"secret" not in response.content, (method, path)
        assert b"acme" not in response.content, (method, path)
        if path == "/v1/recordings/{call_id}":  # an id of one's own, whoever else has one like it
            assert response.status_code == 202
            deleted = await ask(
                guarded, "DELETE", "/v1/calls/{call_id}", headers=guarded.as_tenant("mallory")
            )
            assert deleted.status_code == 204
        elif "{call_id}" in path:
            assert response.status_code in (404, 410), (method, path)
    assert local_path(guarded.platform.store, recording_key(key)).read_bytes() == before
    owner = guarded.as_tenant("acme")
    assert len((await guarded.client.get("/v1/calls", headers=owner)).json()["calls"]) == 1
    text = await guarded.client.get("/v1/calls/call-1/transcript", headers=owner)
    assert "secret words" in text.text
    failed = (await guarded.client.get("/v1/jobs", headers=owner)).json()["jobs"]
    assert [job["state"] for job in failed] == ["failed"]


async def test_a_ticket_opens_events_and_audio_of_its_call_only(guarded: Api) -> None:
    owner = guarded.as_tenant("acme")
    await guarded.client.put("/v1/recordings/call-1", content=tone(), headers=owner)
    await canonical(guarded, CallKey("acme", "call-1"), "rev-1", ["hello"])
    made = await guarded.client.post("/v1/tickets", json={"call_id": "call-1"}, headers=owner)
    assert made.status_code == 201
    query = {"ticket": made.json()["ticket"]}

    async def status(method: str, path: str) -> int:
        return (await guarded.client.request(method, path, params=query)).status_code

    assert await status("GET", "/v1/calls/call-1/audio") == 200
    assert await status("GET", "/v1/calls/call-1/waveform") == 200
    assert await status("HEAD", "/v1/calls/call-1/audio") == 200
    assert await status("GET", "/v1/calls/call-1/events") == 200
    for method, path in (
        ("GET", "/v1/calls/call-2/audio"),
        ("GET", "/v1/calls/call-1"),
        ("GET", "/v1/calls/call-1/transcript"),
        ("GET", "/v1/calls"),
        ("DELETE", "/v1/calls/call-1"),
    ):
        assert await status(method, path) in (400, 401), (method, path)
    query = {"ticket": "nonsense"}
    assert await status("GET", "/v1/calls/call-1/audio") == 401


async def test_a_ticket_for_captions_opens_the_words_and_no_sound(guarded: Api) -> None:
    owner = guarded.as_tenant("acme")
    await guarded.client.put("/v1/recordings/call-1", content=tone(), headers=owner)
    await canonical(guarded, CallKey("acme", "call-1"), "rev-1", ["hello"])
    wish = {"call_id": "call-1", "scope": "captions", "expires_in_s": 86_400}
    made = await guarded.client.post("/v1/tickets", json=wish, headers=owner)
    assert made.json()["expires_in_s"] == 86_400
    query = {"ticket": made.json()["ticket"]}
    for path, expected in (
        ("", 200), ("/transcript", 200), ("/transcript?format=srt", 200), ("/events", 200),
        ("/audio", 401), ("/waveform", 401),
    ):  # fmt: skip
        answer = await guarded.client.get(f"/v1/calls/call-1{path}", params={**query})
        if "?" in path:
            answer = await guarded.client.get(f"/v1/calls/call-1{path}&ticket={query['ticket']}")
        assert answer.status_code == expected, path
    assert (await guarded.client.post("/v1/calls/call-1/retry", params=query)).status_code != 202


@pytest.mark.parametrize(
    "wish", [{"scope": "all"}, {"expires_in_s": 59}, {"expires_in_s": 86_401}, {"for": "ever"}]
)
async def test_a_ticket_for_too_much_is_refused(api: Api, wish: dict[str, object]) -> None:
    answer = await api.client.post("/v1/tickets", json={"call_id": "call-1", **wish})
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "bad_parameter"


async def test_a_new_tenant_counts_while_the_server_runs(api: Api, tmp_path: Path) -> None:
    assert (await api.client.get("/v1/tenant")).json()["authentication"] == "open"
    key = Tenants.load(tmp_path / "tenants.toml").add("late")
    await until(lambda: not api.platform.tenants.open_mode)
    response = await api.client.get("/v1/tenant", headers={"Authorization": f"Bearer {key}"})
    answer = response.json()
    assert (answer["tenant"], answer["authentication"]) == ("late", "key")
    assert answer["max_upload_mb"] == api.platform.settings.max_upload_mb


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "localhost:8300"}, 200),
        ({"host": "[::1]:8300"}, 200),
        ({"host": "127.0.0.1"}, 200),
        ({"host": "LOCALHOST"}, 200),
        ({"host": "localhost", "origin": "http://localhost:5173"}, 200),
        ({"host": "localhost", "origin": "http://127.0.0.1"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "localhost.evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "192.168.0.7:8300"}, 403),
        ({"host": ""}, 403),
        ({"host": "[::1"}, 403),
        ({"host": "localhost", "origin": "https://evil.example"}, 403),
        ({"host": "localhost", "origin": "https://localhost.evil.example"}, 403),
        ({"host": "localhost", "origin": "null"}, 403),
        ({"host": "localhost", "origin": ""}, 403),
    ],
)
async def test_the_open_mode_takes_only_this_machine(
    api: Api, headers: dict[str, str], status: int
) -> None:
    for path in ("/v1/calls", "/v1/calls/call-1/audio"):
        got, body = await raw(api, "GET", path, headers=headers)
        if status == 403:
            assert got == 403
            assert body["error"]["code"] == "forbidden"
            assert "tenants add" in body["error"]["hint"]
        else:
            assert got in (200, 404)


def socket(api: Api, headers: dict[str, str], subprotocols: list[str]) -> WebSocket:
    async def nothing() -> Any: ...

    scope = {
        "type": "websocket",
        "app": api.app,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "subprotocols": subprotocols,
    }
    return WebSocket(scope, nothing, nothing)  # type: ignore[arg-type]


async def test_websockets_are_guarded_alike(guarded: Api, tmp_path: Path) -> None:
    key = guarded.keys["acme"]
    bearer = {"host": "any.example", "authorization": f"Bearer {key}"}
    assert tenant_of_socket(socket(guarded, bearer, [])) == ("acme", None)
    assert tenant_of_socket(socket(guarded, bearer, ["twicetold.v1"])) == ("acme", "twicetold.v1")
    offered = ["twicetold.v1", f"twicetold.key.{key}"]
    assert tenant_of_socket(socket(guarded, {}, offered)) == ("acme", "twicetold.v1")
    # The key itself is never sent back.
    assert tenant_of_socket(socket(guarded, {}, offered[1:])) == ("acme", None)
    with pytest.raises(Unauthorized):
        tenant_of_socket(socket(guarded, {}, ["twicetold.v1"]))
    async with running_api(tmp_path / "open") as api:
        local = {"host": "127.0.0.1:8300"}
        assert tenant_of_socket(socket(api, local, [])) == ("default", None)
        for hostile in ({"host": "evil.example"}, {**local, "origin": "https://evil.example"}):
            with pytest.raises(Forbidden):
                tenant_of_socket(socket(api, hostile, []))


async def test_keys_never_reach_the_log(guarded: Api) -> None:
    key = guarded.keys["acme"]
    with capture_logs() as lines:
        await guarded.client.get("/v1/calls", headers={"Authorization": f"Bearer {key}"})
        await guarded.client.get("/v1/calls", headers={"Authorization": f"Bearer {key}x"})
        await guarded.client.delete("/v1/calls/none", headers=guarded.as_tenant("acme"))
    assert key not in repr(lines)


# --- what it is asked ----------------------------------------------------------------------


@pytest.mark.parametrize("call_id", HOSTILE_IDS)
async def test_hostile_ids_are_refused_everywhere(api: Api, tmp_path: Path, call_id: str) -> None:
    before = names_below(tmp_path)
    for method, path in every_route(api):
        if "{call_id}" not in path:
            continue
        status, body = await raw(api, method, path.replace("{call_id}", call_id))
        assert status in (400, 404), (method, path)
        assert body["error"]["code"] in ("bad_identifier", "not_found")
        assert len(body["error"]["message"]) < 400
    ticket = await api.client.post("/v1/tickets", json={"call_id": call_id})
    assert error_of(ticket)["code"] == "bad_identifier"
    assert names_below(tmp_path) == before


def names_below(directory: Path) -> list[str]:
    return sorted(path.name for path in below(directory))


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(call_id=st.text(min_size=1, max_size=200), method=st.sampled_from(["GET", "DELETE", "PUT"]))
async def test_law_no_id_makes_the_server_stumble(api: Api, call_id: str, method: str) -> None:
    path = "/v1/recordings/" if method == "PUT" else "/v1/calls/"
    status, body = await raw(api, method, path + call_id)
    # 422: a fitting id, but an upload without a byte.
    assert status in (400, 404, 405, 422)
    assert body["error"]["code"] in (
        "bad_identifier",
        "not_found",
        "call_not_found",
        "method_not_allowed",
        "empty_audio",
    )


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/v1/calls?limit=0", ["limit", "'0'", "1"]),
        ("/v1/calls?limit=201", ["limit", "'201'", "200"]),
        ("/v1/calls?limit=many", ["limit", "'many'", "integer"]),
        ("/v1/calls?status=gone", ["status", "'gone'", "'live'", "'done'"]),
        ("/v1/calls?source=fax", ["source", "'fax'", "'upload'"]),
        ("/v1/calls?cursor=nonsense", ["cursor"]),
        ("/v1/calls?limits=3", ["'limits'", "limit"]),
        ("/v1/calls?status=" + "x" * 500, ["status", "…"]),
        ("/v1/jobs?state=lost", ["state", "'lost'", "'failed'"]),
        ("/v1/search", ["q", "missing"]),
        ("/v1/search?q=%20", ["q"]),
        ("/v1/search?q=" + "x" * 501, ["q", "500"]),
        ("/v1/search?q=a&cursor=%00", ["cursor"]),
        ("/v1/calls/call-1/transcript?version=second", ["version", "'second'", "'canonical'"]),
        ("/v1/calls/call-1/transcript?format=pdf", ["format", "'pdf'", "'srt'"]),
        ("/v1/calls/call-1/events?after=-1", ["after", "'-1'"]),
        ("/v1/calls/call-1?x=1", ["'x'", "ticket"]),
        ("/healthz?deep=1", ["'deep'"]),
    ],
)
async def test_a_wrong_parameter_is_named_with_what_it_got_and_what_it_takes(
    api: Api, path: str, names: list[str]
) -> None:
    await ended_call(api, KEY)
    response = await api.client.get(path)
    assert response.status_code == 400
    error = error_of(response)
    assert error["code"] == "bad_parameter"
    for name in names:
        assert name in error["message"] + error["hint"]


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "99999999999999999999", "²"])
async def test_a_wrong_last_event_id(api: Api, value: str) -> None:
    await ended_call(api, KEY)
    headers = {"Last-Event-ID": value.encode()}
    response = await api.client.get("/v1/calls/call-1/events", headers=headers)
    assert response.status_code == 400
    assert "Last-Event-ID" in error_of(response)["message"]


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (b"", "bad_parameter", 400),
        (b"{", "bad_parameter", 400),
        (b"[]", "bad_parameter", 400),
        (b"{}", "bad_parameter", 400),
        (b'{"call_id": 7}', "bad_parameter", 400),
        (b'{"call_id": "a", "tenant": "b"}', "bad_parameter", 400),
        (b'"\xff"', "bad_parameter", 400),
        (b'{"call_id": "' + b"x" * 70_000 + b'"}', "message_too_large", 413),
        (b"[" * 60_000, "bad_parameter", 400),
    ],
)
async def test_a_wrong_body(api: Api, body: bytes, code: str, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    response = await api.client.post("/v1/tickets", content=body, headers=headers)
    assert (response.status_code, error_of(response)["code"]) == (status, code)


async def test_unknown_paths_and_methods(api: Api) -> None:
    missing = await api.client.get("/v2/calls")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "not_found")
    wrong = await api.client.post("/v1/calls")
    assert (wrong.status_code, error_of(wrong)["code"]) == (405, "method_not_allowed")
    assert "GET" in wrong.headers["allow"]


async def test_hostile_text_stays_data(api: Api) -> None:
    hostile = '<script>alert(1)</script>\n\nevent: done\n\n & "quoted" \u2028 \ud7ff end'
    await ended_call(api, KEY, 1, hostile)
    for form in ("json", "txt", "srt", "vtt"):
        response = await api.client.get("/v1/calls/call-1/transcript", params={"format": form})
        assert response.status_code == 200
        assert not response.headers["content-type"].startswith("text/html")
        assert response.headers["x-content-type-options"] == "nosniff"
        if form in ("srt", "vtt"):
            assert "<script>" not in response.text
    await canonical(api, KEY, "rev-1", [hostile])
    events = events_of((await api.client.get("/v1/calls/call-1/events")).text)
    assert [kind for _, kind, _ in events] == ["final", "done", "status"]
    assert json.loads(events[0][2])["text"] == hostile


# --- uploads -------------------------------------------------------------------------------


UPLOADS = {
    "empty": (b"", "empty_audio", 422),
    "text": (b"hello, this is no sound at all\n" * 50, "not_audio", 415),
    "zeros": (bytes(5_000), "not_audio", 415),
    "playlist": (b"ffconcat version 1.0\nfile /etc/passwd\n", "playlist_refused", 415),
    "m3u": (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/x.wav\n", "playlist_refused", 415),
    "cut wav": (tone()[:-2_000], "truncated_audio", 422),
    "head only": (tone()[:44], "truncated_audio", 422),
    "lying size": (
        tone()[:40] + struct.pack("<I", 10**6) + tone()[44:],
        "truncated_audio",
        422,
    ),
}


@pytest.mark.parametrize("name", UPLOADS)
async def test_an_upload_that_is_no_whole_sound_leaves_nothing(api: Api, name: str) -> None:
    content, code, status = UPLOADS[name]
    response = await api.client.put("/v1/recordings/call-1", content=content)
    assert (error_of(response)["code"], response.status_code) == (code, status)
    await assert_nothing_is_left(api)


async def assert_nothing_is_left(api: Api) -> None:
    root = local_path(api.platform.store, "")
    assert [path for path in below(root) if path.is_file()] == []
    assert await api.platform.transcripts.call(KEY) is None
    assert await api.platform.queue.job_of(KEY) is None


async def test_an_upload_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async with running_api(tmp_path, max_upload_mb=1) as api:
        read = 0

        async def body() -> AsyncIterator[bytes]:
            nonlocal read
            for _ in range(3 * 16):
                read += 65_536
                yield bytes(65_536)

        declared = {"Content-Length": str(3 * 1024 * 1024)}
        path = "/v1/recordings/call-1"
        response = await api.client.put(path, content=body(), headers=declared)
        assert (response.status_code, error_of(response)["code"]) == (413, "upload_too_large")
        assert read == 0
        response = await api.client.put(path, content=body())
        assert (response.status_code, error_of(response)["code"]) == (413, "upload_too_large")
        assert read <= 1024 * 1024 + 2 * 65_536
        assert "max_upload_mb" in error_of(response)["hint"]
        await assert_nothing_is_left(api)


@pytest.mark.parametrize(
    "query", ["language=", "language=e%00n", "language=../x", "started_at=-1", "started_at=nan",
              "started_at=inf", "started_at=99999999999", "started_at=soon", "lang=en"],
)  # fmt: skip
async def test_an_upload_with_wrong_parameters(api: Api, query: str) -> None:
    response = await api.client.put(f"/v1/recordings/call-1?{query}", content=tone())
    if query == "language=":  # as if it were not there
        assert response.status_code == 202
        return
    assert (response.status_code, error_of(response)["code"]) == (400, "bad_parameter")
    await assert_nothing_is_left(api)


async def test_ids_that_are_taken(api: Api) -> None:
    await live_call(api, KEY)
    running = await api.client.put("/v1/recordings/call-1", content=tone())
    assert (running.status_code, error_of(running)["code"]) == (409, "call_id_in_use")
    over = CallKey("default", "over")
    await ended_call(api, over)
    used = await api.client.put("/v1/recordings/over", content=tone())
    assert (used.status_code, error_of(used)["code"]) == (409, "call_id_used")
    dropped = local_path(api.platform.store, "recordings/default/dropped.mp3")
    dropped.parent.mkdir(parents=True, exist_ok=True)
    dropped.write_bytes(b"of another program")
    beside = await api.client.put("/v1/recordings/dropped", content=tone())
    assert (beside.status_code, error_of(beside)["code"]) == (409, "call_id_used")
    assert [path.name for path in dropped.parent.iterdir()] == ["dropped.mp3"]


async def test_a_client_that_breaks_off_leaves_nothing(api: Api) -> None:
    uploads = local_path(api.platform.store, "uploads")
    async with serving(api) as client:
        _, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write(
            b"PUT /v1/recordings/call-1 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: 3000000\r\n\r\n" + tone()
        )
        await until(lambda: uploads.exists() and list(uploads.iterdir()))
        writer.close()
        await writer.wait_closed()
        await until(lambda: not list(uploads.iterdir()))
    with capture_logs() as lines:
        await assert_nothing_is_left(api)
    assert not lines


@pytest.mark.parametrize("step", ["_create", "_write", "_sync", "place"])
async def test_a_full_disk_is_said_so(api: Api, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    real: Callable[..., Any] = getattr(upload, step) if step != "place" else upload.os.link

    def full(*arguments: Any, **options: Any) -> Any:
        if failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **options)

    failing = True
    if step == "place":
        monkeypatch.setattr(upload.os, "link", full)
    else:
        monkeypatch.setattr(upload, step, full)
    response = await api.client.put("/v1/recordings/call-1", content=tone())
    assert (response.status_code, error_of(response)["code"]) == (507, "disk_full")
    assert error_of(response)["retryable"] is True
    root = local_path(api.platform.store, "")
    assert [path for path in below(root) if path.is_file()] == []
    assert await api.platform.queue.job_of(KEY) is None
    failing = False
    again = await api.client.put("/v1/recordings/call-1", content=tone())
    assert again.status_code == 202


async def test_a_file_system_without_links_takes_uploads_too(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(upload.os, "link", no_links)
    assert (await api.client.put("/v1/recordings/call-1", content=tone())).status_code == 202
    assert (await api.client.get("/v1/calls/call-1/audio")).content == tone()


# --- what nobody foresaw -------------------------------------------------------------------


async def test_a_mistake_of_ours_tells_a_number_and_no_text(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("somebody said xylophone")

    monkeypatch.setattr(type(api.platform.transcripts), "calls", broken)
    with capture_logs() as lines:
        response = await api.client.get("/v1/calls")
    assert response.status_code == 500
    error = error_of(response)
    assert error["code"] == "internal_error"
    (line,) = lines
    assert line["error_id"] in error["message"]
    assert any("calls.py" in frame for frame in line["where"])
    assert "xylophone" not in repr(lines) + response.text
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_stream_that_breaks_is_cut_not_ended(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ended_call(api, KEY)

    def broken(reading: Any, segments: Any) -> Any:
        yield "a" * 100_000
        for _ in range(40):
            yield "c"
        raise RuntimeError("somebody said xylophone")

    monkeypatch.setattr(transcript, "_as_json", broken)
    with capture_logs() as lines:
        async with serving(api) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("/v1/calls/call-1/transcript")
    assert "xylophone" not in repr(lines)


async def test_a_store_that_is_gone_is_unavailable(api: Api) -> None:
    await api.platform.transcripts.aclose()
    response = await api.client.get("/v1/calls")
    assert response.status_code == 503
    assert error_of(response)["retryable"] is True
    assert response.headers["retry-after"]
