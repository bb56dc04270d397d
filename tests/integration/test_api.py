"""The HTTP API on the embedded carriers: what it gives to those who may have it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import random
import sqlite3
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest
from tests.contracts.transcripts_contract import a_shadow
from tests.integration.api_harness import (
    Api,
    canonical,
    ended_call,
    error_of,
    events_of,
    final,
    live_call,
    record,
    running_api,
    serving,
    tone,
    until,
)
from tests.tree import contents

from twicetold.broker import Topic
from twicetold.database_file import translate
from twicetold.errors import CallDeleted
from twicetold.gateway import deletion, recordings, upload
from twicetold.gateway import events as events_module
from twicetold.queue import Job, JobState
from twicetold.sessions import State
from twicetold.speech.chunks import Finalize
from twicetold.speech.events import Caption, Done, Partial
from twicetold.speech.events import Status as StatusEvent
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Segment
from twicetold.storage import checkpoint_key, local_path, open_store, part_key, recording_key
from twicetold.transcripts import NewCall, Status, Version

pytestmark = pytest.mark.integration

KEY = CallKey("default", "call-1")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as api:
        yield api


# --- calls ----------------------------------------------------------------------------------


async def test_calls_come_newest_first_in_pages(api: Api) -> None:
    for n in range(5):
        await ended_call(api, CallKey("default", f"call-{n}"), started_at=1_000.0 + n)
    await live_call(api, CallKey("default", "running"))
    await api.platform.transcripts.set_status(CallKey("default", "call-3"), Status.DONE)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await api.client.get("/v1/calls", params=query)).json()
        assert len(page["calls"]) <= 2
        seen += [call["call_id"] for call in page["calls"]]
        cursor = page["cursor"]
    assert seen == ["call-4", "call-3", "call-2", "call-1", "running", "call-0"]
    done = (await api.client.get("/v1/calls", params={"status": "done"})).json()
    assert [call["call_id"] for call in done["calls"]] == ["call-3"]
    uploads = (await api.client.get("/v1/calls", params={"source": "upload"})).json()
    assert uploads == {"calls": [], "cursor": None}


async def test_a_call_shows_how_it_stands(api: Api) -> None:
    await ended_call(api, KEY)
    await api.platform.transcripts.set_draft_wer(KEY, 0.25, "some-normaliser")
    call = (await api.client.get("/v1/calls/call-1")).json()
    assert call["status"] == "recorded"
    assert call["length_s"] == 60.0
    assert call["has_draft"] is True
    assert call["has_recording"] is False
    assert call["draft_wer"] == 0.25
    assert "tenant" not in call
    assert error_of(await api.client.get("/v1/calls/none"))["code"] == "call_not_found"


# --- transcripts ----------------------------------------------------------------------------


async def test_best_is_the_draft_until_the_canonical_transcript_stands(api: Api) -> None:
    await ended_call(api, KEY)
    path = "/v1/calls/call-1/transcript"
    draft = (await api.client.get(path)).json()
    assert draft["version"] == "draft"
    assert draft["segments"][0] == Segment.from_final(final(1)).to_dict()
    refused = await api.client.get(path, params={"version": "canonical"})
    assert refused.status_code == 404
    assert error_of(refused)["code"] == "transcript_not_ready"
    assert error_of(refused)["retryable"] is True
    await canonical(api, KEY, "rev-1", ["one", "two"])
    best = await api.client.get(path)
    assert best.headers["cache-control"] == "no-store"
    body = best.json()
    assert {name: body[name] for name in body if name != "segments"} == {
        "call_id": "call-1",
        "version": "canonical",
        "revision": "rev-1",
        "engine": "counter",
        "language": "en",
        "length_s": 60.0,
    }
    assert [segment["text"] for segment in body["segments"]] == ["one", "two"]
    draft_again = (await api.client.get(path, params={"version": "draft"})).json()
    assert draft_again == draft


@pytest.mark.parametrize(
    ("form", "media_type", "beginning"),
    [
        ("json", "application/json", b'{"call_id": "call-1"'),
        ("txt", "text/plain; charset=utf-8", "café".encode()),
        ("srt", "application/x-subrip; charset=utf-8", b"1\n00:00:01,000 --> 00:00:0"),
        ("vtt", "text/vtt; charset=utf-8", b"WEBVTT\n\n"),
    ],
)
async def test_formats(api: Api, form: str, media_type: str, beginning: bytes) -> None:
    await ended_call(api, KEY, 2, "café")
    response = await api.client.get("/v1/calls/call-1/transcript", params={"format": form})
    assert response.headers["content-type"] == media_type
    assert response.content.startswith(beginning)
    assert "café" in response.text


async def test_a_client_that_has_the_transcript_is_told_so(api: Api) -> None:
    await live_call(api, KEY)
    await api.platform.transcripts.save_draft(KEY, [final(1)])
    path = "/v1/calls/call-1/transcript"

    async def ask(etag: str, **query: str) -> int:
        headers = {"If-None-Match": etag}
        return (await api.client.get(path, headers=headers, params=query)).status_code

    first = (await api.client.get(path)).headers["etag"]
    assert await ask(first) == 304
    assert await ask(first, format="vtt") == 200
    await api.platform.transcripts.save_draft(KEY, [final(2)])
    assert await ask(first) == 200
    await canonical(api, KEY, "rev-1", ["one"])
    second = (await api.client.get(path)).headers["etag"]
    assert await ask(second) == 304
    await canonical(api, KEY, "rev-2", ["one"])
    assert await ask(second) == 200


async def test_a_reader_never_sees_parts_of_two_revisions(api: Api) -> None:
    await ended_call(api, KEY)
    await canonical(api, KEY, "rev-0", ["text-0"] * 450)

    async def replace() -> None:
        for n in range(1, 8):
            await canonical(api, KEY, f"rev-{n}", [f"text-{n}"] * 450)

    replacing = asyncio.create_task(replace())
    read = 0
    while not replacing.done() or read < 3:
        response = await api.client.get("/v1/calls/call-1/transcript")
        body = response.json()
        if response.status_code == 200:
            texts = {segment["text"] for segment in body["segments"]}
            assert len(body["segments"]) == 450
            assert texts == {body["revision"].replace("rev", "text")}
            read += 1
        else:
            assert error_of(response)["code"] == "swap_lost"
    await replacing


async def test_a_failed_call_without_text_says_what_to_do(api: Api) -> None:
    await live_call(api, KEY)
    await api.platform.transcripts.set_status(KEY, Status.FAILED, "engine_failed", "no answer")
    error = error_of(await api.client.get("/v1/calls/call-1/transcript"))
    assert "retry" in error["hint"]


# --- audio ----------------------------------------------------------------------------------


async def recorded(api: Api, content: bytes = b"", suffix: str = ".wav") -> bytes:
    content = content or bytes(range(256)) * 5_000  # several pieces
    await ended_call(api, KEY)
    await obstore.put_async(api.platform.store, recording_key(KEY, suffix), content)
    await api.platform.transcripts.set_recording(KEY, recording_key(KEY, suffix), 60.0)
    return content


AUDIO = "/v1/calls/call-1/audio"


async def test_the_recording_whole_and_its_head(api: Api) -> None:
    content = await recorded(api)
    whole = await api.client.get(AUDIO)
    assert whole.status_code == 200
    assert whole.content == content
    head = await api.client.head(AUDIO, headers={"Range": "bytes=0-1"})
    assert head.status_code == 200
    assert head.content == b""
    for response in (whole, head):
        assert response.headers["content-length"] == str(len(content))
        assert response.headers["content-type"] == "audio/wav"
        assert response.headers["accept-ranges"] == "bytes"
        assert response.headers["etag"] == whole.headers["etag"]
    again = await api.client.get(AUDIO, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_ranges(api: Api) -> None:
    content = await recorded(api)
    etag = (await api.client.head(AUDIO)).headers["etag"]
    size = len(content)

    async def ask(value: str, **headers: str) -> tuple[int, bytes, str | None]:
        response = await api.client.get(AUDIO, headers={"Range": value, **headers})
        return response.status_code, response.content, response.headers.get("content-range")

    assert await ask("bytes=0-0") == (206, content[:1], f"bytes 0-0/{size}")
    assert await ask("bytes=-7") == (206, content[-7:], f"bytes {size - 7}-{size - 1}/{size}")
    assert await ask("bytes=300000-") == (206, content[300_000:], f"bytes 300000-{size - 1}/{size}")
    assert await ask("bytes=0-1,4-5") == (200, content, None)
    assert await ask("bytes=5-2") == (200, content, None)
    assert await ask("bytes=0-1", **{"If-Range": etag}) == (206, content[:2], f"bytes 0-1/{size}")
    assert await ask("bytes=0-1", **{"If-Range": '"other"'}) == (200, content, None)
    response = await api.client.get(AUDIO, headers={"Range": f"bytes={size}-"})
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{size}"
    assert error_of(response)["code"] == "range_not_satisfiable"


async def test_law_ranges_put_together_are_the_recording(api: Api) -> None:
    content = await recorded(api, hashlib.shake_128(b"sound").digest(700_000))
    chance = random.Random(7)
    for _ in range(30):
        edges = [0, *sorted(chance.sample(range(1, 700_000), chance.randrange(5))), len(content)]
        joined = b""
        for first, end in itertools.pairwise(edges):
            headers = {"Range": f"bytes={first}-{end - 1}"}
            joined += (await api.client.get(AUDIO, headers=headers)).content
        assert joined == content, edges


async def test_no_recording_yet_and_none_any_more(api: Api) -> None:
    await ended_call(api, KEY)
    assert error_of(await api.client.get(AUDIO))["code"] == "recording_not_found"
    await api.platform.transcripts.set_recording(KEY, recording_key(KEY), 60.0)
    assert error_of(await api.client.get(AUDIO))["code"] == "recording_not_found"


# --- events ---------------------------------------------------------------------------------


async def follow(api: Api, **headers: str) -> list[tuple[str | None, str, str]]:
    response = await api.client.get("/v1/calls/call-1/events", headers=headers, timeout=10)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    return events_of(response.text)


async def subscribed(api: Api) -> None:
    """Until somebody follows the call."""
    await until(lambda: api.app.state.captions._readers)


async def say(api: Api, *captions: Caption) -> None:
    for caption in captions:
        await api.platform.broker.publish(Topic.CAPTIONS, KEY, caption.to_bytes())


async def test_events_of_a_finished_call(api: Api) -> None:
    await ended_call(api, KEY, 2)
    await canonical(api, KEY, "rev-1", ["one"])
    events = await follow(api)
    assert [(number, kind) for number, kind, _ in events] == [
        ("1", "final"),
        ("2", "final"),
        (None, "done"),
        (None, "status"),
    ]
    assert json.loads(events[0][2]) == {"type": "final", **final(1).to_dict()}
    assert json.loads(events[3][2])["status"] == "done"
    resumed = await follow(api, **{"Last-Event-ID": "1"})
    assert [number for number, _, _ in resumed] == ["2", None, None]


async def test_events_of_a_running_call_from_its_middle_to_its_canonical_transcript(
    api: Api,
) -> None:
    transcripts, sessions = api.platform.transcripts, api.platform.sessions
    await live_call(api, KEY)
    await sessions.swap(KEY, {}, {"add_final": final(1), "event": 1})
    await transcripts.save_draft(KEY, [final(1)])
    await sessions.swap(KEY, {}, {"trim_finals": 1})
    await sessions.swap(KEY, {}, {"add_final": final(2), "event": 2})
    async with serving(api) as client, stream(client) as events:
        assert [(await anext(events))[:2] for _ in range(2)] == [("1", "final"), ("2", "final")]
        await say(api, Caption.of(Partial(0, 2, 3.0, 3.1, "num")))
        assert (await anext(events))[1] == "partial"
        await sessions.swap(KEY, {}, {"add_final": final(3), "event": 3})
        await say(api, Caption.of_final(final(3)), Caption.of(Partial(0, 2, 3.0, 3.1, "late")))
        await sessions.swap(KEY, {}, {"state": State.CLOSED})
        await say(api, Caption.of(Done(KEY.call_id, 3)))
        assert [(await anext(events))[:2] for _ in range(2)] == [("3", "final"), (None, "done")]
        await transcripts.save_draft(KEY, [final(2), final(3)])
        await transcripts.end_call(KEY, 1_060.0, 60.0, "counter")
        await say(api, Caption.of(StatusEvent(KEY.call_id, "transcribing", 30.0, 60.0)))
        await say(api, Caption.of(StatusEvent(KEY.call_id, "done", 60.0, 60.0)))
        told = [json.loads(data) async for _, kind, data in events if kind == "status"]
        assert [(body["status"], body["done_s"]) for body in told] == [
            ("transcribing", 30.0),
            ("done", 60.0),
        ]


@contextlib.asynccontextmanager
async def stream(
    client: httpx.AsyncClient,
) -> AsyncIterator[AsyncIterator[tuple[str | None, str, str]]]:
    """The call's events one by one, as a client on a socket gets them."""

    async def events() -> AsyncIterator[tuple[str | None, str, str]]:
        block = ""
        async for line in response.aiter_lines():
            block += line + "\n"
            if not line:
                for event in events_of(block):
                    yield event
                block = ""

    async with client.stream("GET", "/v1/calls/call-1/events") as response:
        yield events()


async def test_a_silent_stream_says_that_it_is_alive(api: Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(events_module, "_KEEP_ALIVE_S", 0.05)
    await live_call(api, KEY)
    async with serving(api) as client, stream(client) as events:
        assert [await anext(events) for _ in range(2)] == [(None, "alive", '{"type":"alive"}')] * 2


async def test_a_follower_that_leaves_is_forgotten(api: Api) -> None:
    await live_call(api, KEY)
    async with serving(api) as client:
        async with client.stream("GET", "/v1/calls/call-1/events"):
            await subscribed(api)
        await until(lambda: not api.app.state.captions._readers)


async def test_followers_of_a_deleted_call_are_told(api: Api) -> None:
    await live_call(api, KEY)
    following = asyncio.create_task(follow(api))
    await subscribed(api)
    assert (await api.client.delete("/v1/calls/call-1")).status_code == 204
    events = await asyncio.wait_for(following, 10)
    assert [kind for _, kind, _ in events] == ["error"]
    assert json.loads(events[0][2])["code"] == "call_deleted"


async def test_a_follower_that_leaves_before_the_first_byte_is_not_kept(api: Api) -> None:
    await live_call(api, KEY)
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not gone.is_set():
            gone.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        await asyncio.sleep(0)

    request = api.client.build_request("GET", "/v1/calls/call-1/events")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    async with asyncio.timeout(10):
        await api.app(scope, receive, send)
    assert not api.app.state.captions._readers


async def test_followers_are_let_go_when_the_server_stops(api: Api) -> None:
    await live_call(api, KEY)
    following = asyncio.create_task(follow(api))
    await subscribed(api)
    api.app.state.captions.stop()
    assert await asyncio.wait_for(following, 10) == []


# --- uploads --------------------------------------------------------------------------------


async def test_an_upload_becomes_a_call_and_a_job(api: Api) -> None:
    sound = tone()
    response = await api.client.put(
        "/v1/recordings/call-1", content=sound, params={"language": "de", "started_at": 99.5}
    )
    assert response.status_code == 202
    assert response.headers["location"] == "/v1/calls/call-1"
    call = response.json()
    assert call == (await api.client.get("/v1/calls/call-1")).json()
    assert call["source"] == "upload"
    assert call["language"] == "de"
    assert call["started_at"] == 99.5
    assert call["length_s"] == pytest.approx(0.5, abs=0.05)
    assert (await api.client.get(AUDIO)).content == sound
    job = await api.platform.queue.job_of(KEY)
    assert job is not None
    content = hashlib.sha256(sound).hexdigest()
    assert job.job == Job(KEY, content, "recordings/default/call-1.wav", "de")
    assert uploads_left(api) == []


def uploads_left(api: Api) -> list[Path]:
    directory = local_path(api.platform.store, "uploads")
    return list(directory.iterdir()) if directory.exists() else []


async def test_the_same_upload_again_changes_nothing(api: Api) -> None:
    sound = tone()
    path = "/v1/recordings/call-1"
    answers = await asyncio.gather(*(api.client.put(path, content=sound) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 202]
    other = await api.client.put(path, content=tone(hertz=880))
    assert other.status_code == 409
    assert error_of(other)["code"] == "call_id_used"
    assert (await api.client.get(AUDIO)).content == sound
    jobs = (await api.client.get("/v1/jobs")).json()["jobs"]
    assert len(jobs) == 1
    await api.platform.queue.forget(KEY)
    assert (await api.client.put(path, content=sound)).status_code == 200
    assert uploads_left(api) == []


@pytest.mark.parametrize("placed", [False, True])
async def test_an_upload_that_a_crash_cut_short_may_be_repeated(api: Api, placed: bool) -> None:
    sound, target = tone(), local_path(api.platform.store, recording_key(KEY))
    await api.platform.transcripts.begin_call(NewCall(KEY, 1_000.0, 1, "upload", "en", 8_000))
    if placed:
        target.parent.mkdir(parents=True)
        target.write_bytes(sound)
        other = await api.client.put("/v1/recordings/call-1", content=tone(hertz=880))
        assert error_of(other)["code"] == "call_id_used"
    again = await api.client.put("/v1/recordings/call-1", content=sound)
    assert again.status_code == 202
    assert target.read_bytes() == sound
    assert await api.platform.queue.job_of(KEY) is not None


@pytest.mark.parametrize(
    "told",
    [{"headers": {"Content-Type": "audio/basic"}}, {"params": {"format": "mulaw"}}],
    ids=["content type", "parameter"],
)
async def test_raw_mulaw_is_taken_where_its_sender_says_so(api: Api, told: dict[str, Any]) -> None:
    raw = bytes(range(256)) * 50
    untold = await api.client.put("/v1/recordings/call-1", content=raw)
    assert error_of(untold)["code"] == "not_audio"
    taken = await api.client.put("/v1/recordings/call-1", content=raw, **told)
    assert taken.status_code == 202
    assert taken.json()["length_s"] == pytest.approx(256 * 50 / 8_000)
    kept = await api.client.get("/v1/calls/call-1/audio")
    assert (kept.content, kept.headers["content-type"]) == (raw, "audio/basic")
    job = await api.platform.queue.job_of(KEY)
    assert job is not None
    assert job.job.recording.endswith(".ulaw")


async def test_a_wav_that_is_called_raw_mulaw_is_a_wav(api: Api) -> None:
    told = {"Content-Type": "audio/basic"}
    await api.client.put("/v1/recordings/call-1", content=tone(), headers=told)
    kept = await api.client.get("/v1/calls/call-1/audio")
    assert kept.headers["content-type"] == "audio/wav"


async def test_an_upload_waits_for_no_other_call(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.client.put("/v1/recordings/call-1", content=tone())
    hashing, go_on = asyncio.Event(), asyncio.Event()
    check = recordings._check_same

    async def slowly(*about: Any) -> None:
        hashing.set()
        await go_on.wait()
        await check(*about)

    monkeypatch.setattr(recordings, "_check_same", slowly)
    same = asyncio.create_task(api.client.put("/v1/recordings/call-1", content=tone()))
    await hashing.wait()
    async with asyncio.timeout(10):
        other = await api.client.put("/v1/recordings/call-2", content=tone())
    assert other.status_code == 202
    go_on.set()
    assert (await same).status_code == 200


# --- jobs -----------------------------------------------------------------------------------


async def test_a_failed_job_is_seen_and_tried_again(api: Api) -> None:
    await api.client.put("/v1/recordings/call-1", content=tone())
    lease = await api.platform.queue.claim()
    await lease.fail("engine_failed", "no answer", "look at the log")
    await api.platform.transcripts.set_status(KEY, Status.FAILED, "engine_failed", "no answer")
    (job,) = (await api.client.get("/v1/jobs", params={"state": "failed"})).json()["jobs"]
    assert (job["call_id"], job["error_code"], job["hint"]) == (
        "call-1",
        "engine_failed",
        "look at the log",
    )
    retried = await api.client.post("/v1/calls/call-1/retry")
    assert retried.status_code == 202
    assert retried.json()["state"] == JobState.WAITING
    assert (await api.client.get("/v1/calls/call-1")).json()["status"] == "recorded"
    again = await api.client.post("/v1/calls/call-1/retry")
    assert again.status_code == 404
    assert error_of(again)["code"] == "job_not_found"


async def test_what_a_worker_says_of_a_job_that_was_freed_stands(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.client.put("/v1/recordings/call-1", content=tone())
    queue, transcripts = api.platform.queue, api.platform.transcripts
    await (await queue.claim()).fail("engine_failed", "no answer", "")
    await transcripts.set_status(KEY, Status.FAILED, "engine_failed", "no answer")
    free = queue.retry_failed

    async def freed_and_claimed_at_once(key: CallKey) -> None:
        await free(key)
        await transcripts.set_status(key, Status.TRANSCRIBING)

    monkeypatch.setattr(queue, "retry_failed", freed_and_claimed_at_once)
    await api.client.post("/v1/calls/call-1/retry")
    assert (await api.client.get("/v1/calls/call-1")).json()["status"] == "transcribing"


# --- search ---------------------------------------------------------------------------------


async def test_search_tells_where_and_when(api: Api) -> None:
    for n in range(3):
        key = CallKey("default", f"call-{n}")
        await ended_call(api, key, 1, "the order number please", 1_000.0 + n)
    query = {"q": '"order number"', "limit": 2}
    page = (await api.client.get("/v1/search", params=query)).json()
    assert [hit["call_id"] for hit in page["hits"]] == ["call-2", "call-1"]
    hit = page["hits"][0]
    text, matches = hit["snippet"]["text"], hit["snippet"]["matches"]
    assert [text[first:end] for first, end in matches] in (
        [["order number"]],
        [["order", "number"]],
        ["order number"],
        ["order", "number"],
    )
    assert (hit["start"], hit["version"]) == (1.0, "draft")
    rest = (await api.client.get("/v1/search", params={**query, "cursor": page["cursor"]})).json()
    assert [hit["call_id"] for hit in rest["hits"]] == ["call-0"]
    assert rest["cursor"] is None


# --- deletion -------------------------------------------------------------------------------


async def test_deletion_leaves_nothing_but_the_tombstone(api: Api, tmp_path: Path) -> None:
    platform, secret = api.platform, "xylophone"
    neighbours = [CallKey("default", name) for name in ("call-1.wav", "call-10", "call")]
    for key in (KEY, *neighbours):
        await ended_call(api, key, 2, secret if key == KEY else "other")
        await platform.sessions.create(record(key, state=State.CLOSED), 0.0)
        said = final(1, secret if key == KEY else "other")
        await platform.sessions.swap(key, {}, {"add_final": said, "event": 1})
        for object_key in (
            part_key(key, 0),
            checkpoint_key(key, "c" * 64, "plan", 0),
            recording_key(key),
        ):
            await obstore.put_async(platform.store, object_key, key.call_id.encode())
            staged = local_path(platform.store, f"{object_key}#1")  # by a process that was killed
            staged.write_bytes(b"")
        await platform.transcripts.set_recording(key, recording_key(key), 1.0)
        await platform.queue.submit(Job(key, key.call_id * 9, recording_key(key)))
        await platform.shadow_orders.submit(Job(key, key.call_id * 9, recording_key(key)))
        shadow = (segment async for segment in platform.transcripts.segments(key, Version.DRAFT))
        await platform.transcripts.save_shadow(key, a_shadow(key), shadow)
        await platform.broker.publish(Topic.AUDIO, key, Finalize(1, 1).to_bytes())
    for _ in range(2):
        response = await api.client.delete("/v1/calls/call-1")
        assert (response.status_code, response.content) == (204, b"")
    gone = await api.client.get("/v1/calls/call-1")
    assert gone.status_code == 410
    assert error_of(gone)["code"] == "call_deleted"
    with pytest.raises(CallDeleted):
        await platform.transcripts.save_draft(KEY, [final(9)])
    assert await platform.sessions.load(KEY) is None
    assert await platform.queue.job_of(KEY) is None
    assert await platform.shadow_orders.job_of(KEY) is None
    left = await asyncio.to_thread(contents, tmp_path)
    own = ("/call-1.wav", "/call-1.wav#1")
    assert not [name for name in left if "/call-1/" in name or name.endswith(own)]
    assert not [name for name, content in left.items() if secret.encode() in content]
    for key in neighbours:
        assert await platform.queue.job_of(key) is not None
        assert await platform.shadow_orders.job_of(key) is not None
        assert await platform.transcripts.shadow(key) is not None
        assert (await api.client.get(f"/v1/calls/{key.call_id}/audio")).status_code == 200
        assert [part async for part in platform.transcripts.segments(key, Version.DRAFT)]
        assert local_path(platform.store, part_key(key, 0)).exists()
    assert error_of(await api.client.delete("/v1/calls/never"))["code"] == "call_not_found"


async def test_a_deleted_id_is_not_used_again(api: Api) -> None:
    await api.client.put("/v1/recordings/call-1", content=tone())
    await api.client.delete("/v1/calls/call-1")
    again = await api.client.put("/v1/recordings/call-1", content=tone())
    assert again.status_code == 410
    assert error_of(again)["code"] == "call_deleted"
    assert not local_path(api.platform.store, recording_key(KEY)).exists()


async def test_what_a_running_call_still_writes_is_swept_up(tmp_path: Path) -> None:
    async with running_api(tmp_path) as api:
        await live_call(api, KEY)
        await api.client.delete("/v1/calls/call-1")
        # A recorder and a gateway that had not seen the tombstone yet.
        for late in (part_key(KEY, 1), recording_key(KEY)):
            await obstore.put_async(api.platform.store, late, b"late")
        await api.platform.broker.publish(Topic.AUDIO, KEY, Finalize(1, 1).to_bytes())
        assert [name for name in contents(tmp_path) if "call-1" in name]
    assert not [name for name in contents(tmp_path) if "call-1" in name]


async def test_a_deletion_that_was_killed_on_its_way_is_finished_by_the_next_start(
    tmp_path: Path,
) -> None:
    async with running_api(tmp_path) as api:  # killed right after the tombstone
        await live_call(api, KEY)
        await api.platform.transcripts.bury(KEY)
        await api.platform.broker.publish(Topic.AUDIO, KEY, Finalize(1, 1).to_bytes())
    left = (part_key(KEY, 1), recording_key(KEY), checkpoint_key(KEY, "c" * 64, "plan", 0))
    for object_key in left:
        await obstore.put_async(api.platform.store, object_key, b"left")
    async with running_api(tmp_path) as again:
        store = again.platform.store
        await until(lambda: not any(local_path(store, name).exists() for name in left))
        assert await again.platform.sessions.load(KEY) is None
    assert not [name for name in contents(tmp_path) if "call-1" in name]


async def test_what_a_process_wrote_of_a_deleted_call_and_died_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "_SWEEP_AFTER_S", 0.05)
    async with running_api(tmp_path) as api:
        await live_call(api, KEY)
        await api.client.delete("/v1/calls/call-1")
        await asyncio.sleep(0.3)  # the sweep is over, and the deletion done
        for late in (part_key(KEY, 1), checkpoint_key(KEY, "c" * 64, "plan", 0)):
            await obstore.put_async(api.platform.store, late, b"late")
        await obstore.put_async(api.platform.store, part_key(CallKey("a", "b"), 0), b"runs")
    async with running_api(tmp_path) as again:
        store = again.platform.store
        await until(lambda: not local_path(store, part_key(KEY, 1)).exists())
        await until(lambda: not [name for name in contents(tmp_path) if "call-1" in name])
        assert local_path(store, part_key(CallKey("a", "b"), 0)).exists()


async def test_a_deletion_counts_as_finished_only_after_its_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_api(tmp_path) as api:
        await live_call(api, KEY)
        await api.client.delete("/v1/calls/call-1")
    monkeypatch.setattr(deletion, "_SWEEP_AFTER_S", 0.05)
    async with running_api(tmp_path) as api:  # stopped before the sweep was due
        transcripts = api.platform.transcripts
        assert await transcripts.unfinished_burials() == [KEY]
        async with asyncio.timeout(10):
            while await transcripts.unfinished_burials():
                await asyncio.sleep(0.01)
        assert await transcripts.buried(KEY)


async def test_a_call_of_which_only_its_session_is_known_is_deleted_too(api: Api) -> None:
    await api.platform.sessions.create(record(KEY), 30.0)
    assert (await api.client.delete("/v1/calls/call-1")).status_code == 204
    assert await api.platform.sessions.load(KEY) is None


# --- the server -----------------------------------------------------------------------------


async def test_health_and_readiness(api: Api) -> None:
    assert (await api.client.get("/healthz")).json() == {"status": "ok", "reasons": {}}
    ready = await api.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["live_engine"]["name"] == "counter"
    await api.platform.queue.aclose()
    api.app.state.captions.stop()
    unready = await api.client.get("/readyz")
    assert unready.status_code == 503
    assert set(unready.json()["reasons"]) == {"queue", "captions"}
    assert (await api.client.get("/healthz")).status_code == 200


async def test_the_root_names_the_product_and_where_to_go_on(api: Api) -> None:
    body = (await api.client.get("/")).json()
    assert body["product"] == "Twicetold"
    for link in ("docs", "openapi.json", "healthz", "readyz"):
        assert (await api.client.get(body["links"][link])).status_code == 200


async def test_the_description_has_examples_and_the_errors(api: Api) -> None:
    description = (await api.client.get("/openapi.json")).json()
    private = [path for path in description["paths"] if path.startswith("/v1/")]
    assert len(private) >= 10
    for path in private:
        for operation in description["paths"][path].values():
            assert operation["responses"]["default"]["content"]["application/json"]
            assert operation["security"]
            assert operation["description"]
    schemas = description["components"]["schemas"]
    for name in ("CallBody", "TranscriptBody", "HitsBody", "JobBody", "ErrorBody"):
        assert schemas[name]["examples"], name


async def test_the_reference_page_fetches_nothing(api: Api) -> None:
    page = await api.client.get("/docs")
    assert "<code>GET /v1/calls/{call_id}/transcript</code>" in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src")


async def test_every_answer_carries_the_security_headers(api: Api) -> None:
    for path in ("/", "/healthz", "/v1/calls", "/v1/calls/none", "/nothing", "/openapi.json"):
        headers = (await api.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-resource-policy"] == "same-origin"


async def test_stale_uploads_are_removed_at_the_start(tmp_path: Path) -> None:
    directory = tmp_path / "store" / "uploads"
    directory.mkdir(parents=True)
    for name, age in (("old", 7_200), ("new", 60)):
        (directory / name).write_bytes(b"x")
        moment = (directory / name).stat().st_mtime - age
        os.utime(directory / name, (moment, moment))
    async with running_api(tmp_path):
        assert [path.name for path in directory.iterdir()] == ["new"]


async def test_an_upload_that_stalls_at_another_gateway_is_left_alone(tmp_path: Path) -> None:
    directory = tmp_path / "store" / "uploads"
    store = open_store("file://", tmp_path)
    stalls, goes_on = asyncio.Event(), asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield bytes(2 * upload._WRITE_BYTES)
        stalls.set()
        await goes_on.wait()
        yield b"the rest"

    async def receive() -> int:
        async with upload.received(store, pieces(), 100) as body:
            return body.size

    receiving = asyncio.create_task(receive())
    await stalls.wait()
    (path,) = directory.iterdir()
    os.utime(path, (0, 0))
    async with running_api(tmp_path):  # another gateway sweeps as it starts
        assert path.exists()
        goes_on.set()
        assert await receiving == 2 * upload._WRITE_BYTES + len(b"the rest")


async def test_what_was_too_young_at_the_start_is_removed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "_STALE_S", 0.2)
    directory = tmp_path / "store" / "uploads"
    async with running_api(tmp_path):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "left").write_bytes(b"x")
        async with asyncio.timeout(10):
            while any(directory.iterdir()):
                await asyncio.sleep(0.05)


async def test_a_database_that_is_busy_is_told_without_its_path(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorname = "SQLITE_BUSY"

    async def locked(_: CallKey) -> None:
        raise translate(busy, tmp_path / "transcripts.sqlite3")

    monkeypatch.setattr(api.platform.transcripts, "call", locked)
    refused = await api.client.get("/v1/calls/call-1")
    assert refused.status_code == 503
    assert error_of(refused)["code"] == "unavailable"
    assert "sqlite3" not in refused.text
    assert str(tmp_path) not in refused.text
