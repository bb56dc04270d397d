"""An id that two want at once, an upload and a live call: one has it, the other is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.api_harness import Api, error_of, record, running_api, tone, until

from twicetold.data_directory import locks_of
from twicetold.errors import CallUsed
from twicetold.gateway.intake import SampleIntake
from twicetold.gateway.live_entry import Entry, enter
from twicetold.gateway.live_protocol import LiveRequest
from twicetold.gateway.locks import call_claims
from twicetold.sessions import State
from twicetold.speech.identity import CallKey
from twicetold.storage import local_path, recording_key

pytestmark = pytest.mark.integration

KEY = CallKey("default", "call-1")
PATH = "/v1/recordings/call-1"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as api:
        yield api


async def begin_live(api: Api) -> Entry:
    """As a gateway in another process would: its claims are other objects on the same files."""
    request = LiveRequest.parse({"call_id": KEY.call_id}, "en")
    claims = call_claims(locks_of(api.platform.settings.data_dir))
    return await enter(api.platform, claims, KEY, request, SampleIntake(request))


class Held:
    """Stands before a carrier's method, which begins once the test lets it."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method
        self.reached, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def __call__(self, *arguments: Any) -> Any:
        self.reached.set()
        await self.may_go_on.wait()
        return await self._method(*arguments)


async def test_an_upload_waits_for_a_live_call_that_takes_the_id_just_now(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    creating = Held(api.platform.sessions.create)
    monkeypatch.setattr(api.platform.sessions, "create", creating)
    live = asyncio.create_task(begin_live(api))
    await creating.reached.wait()
    uploading = asyncio.create_task(api.client.put(PATH, content=tone()))
    await asyncio.wait([uploading], timeout=0.5)  # without the claim it is through by then
    creating.may_go_on.set()
    assert not (await live).resumed
    refused = await uploading
    assert (refused.status_code, error_of(refused)["code"]) == (409, "call_id_in_use")
    assert await api.platform.transcripts.call(KEY) is None


async def test_a_live_call_waits_for_an_upload_that_takes_the_id_just_now(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, noting = tone(), Held(api.platform.transcripts.begin_call)
    monkeypatch.setattr(api.platform.transcripts, "begin_call", noting)
    uploading = asyncio.create_task(api.client.put(PATH, content=sound))
    await noting.reached.wait()
    live = asyncio.create_task(begin_live(api))
    await asyncio.wait([live], timeout=0.3)
    noting.may_go_on.set()
    with pytest.raises(CallUsed):
        await live
    assert (await uploading).status_code == 202
    assert await api.platform.sessions.load(KEY) is None
    assert (await api.client.get("/v1/calls/call-1/audio")).content == sound


async def test_the_start_of_a_live_call_does_not_wait_for_an_upload_s_disk(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitting = Held(api.platform.queue.submit)
    monkeypatch.setattr(api.platform.queue, "submit", submitting)
    uploading = asyncio.create_task(api.client.put(PATH, content=tone()))
    await submitting.reached.wait()
    with pytest.raises(CallUsed):
        await asyncio.wait_for(begin_live(api), 5)
    submitting.may_go_on.set()
    assert (await uploading).status_code == 202


async def test_an_upload_is_refused_while_a_call_that_ended_is_still_to_be_noted(api: Api) -> None:
    await api.platform.sessions.create(record(KEY, state=State.CLOSED), 0.0)
    refused = await api.client.put(PATH, content=tone())
    assert (refused.status_code, error_of(refused)["code"]) == (409, "call_id_in_use")


@pytest.mark.parametrize("suffix", [".wav", ".mp3"])
async def test_a_live_call_is_refused_where_a_recording_was_dropped(api: Api, suffix: str) -> None:
    """Nobody has looked at it yet; the live call's own would take its place."""
    dropped = local_path(api.platform.store, recording_key(KEY, suffix))
    await asyncio.to_thread(dropped.parent.mkdir, parents=True)
    await asyncio.to_thread(dropped.write_bytes, tone())
    with pytest.raises(CallUsed):
        await begin_live(api)
    assert await api.platform.sessions.load(KEY) is None


async def test_many_starts_at_once_do_not_hold_each_other_up(api: Api) -> None:
    """Ids that share a lock's file wait for each other: for milliseconds."""
    request = LiveRequest.parse({"call_id": "any"}, "en")
    claims = call_claims(locks_of(api.platform.settings.data_dir))

    async def start(number: int) -> None:
        key = CallKey("default", f"many-{number}")
        await enter(api.platform, claims, key, request, SampleIntake(request))

    async with asyncio.timeout(10):
        await asyncio.gather(*(start(number) for number in range(200)))
    await until(lambda: len(claims) == 0)
