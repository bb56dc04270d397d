"""The waveform: measured once, kept, replaced with the recording, gone with the call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from tests.integration.api_harness import Api, running_api, tone
from tests.tree import below

from twicetold.errors import Unavailable
from twicetold.gateway.waveform import Waveforms
from twicetold.speech.identity import CallKey
from twicetold.speech.loudness import Loudness

pytestmark = pytest.mark.integration


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


def kept(directory: Path) -> list[Path]:
    return [path for path in below(directory / "store" / "waveforms") if path.is_file()]


async def test_it_is_measured_once_and_kept(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.client.put("/v1/recordings/call-1", content=tone())
    path = "/v1/calls/call-1/waveform?points=50"
    first, other = await asyncio.gather(api.client.get(path), api.client.get(path))
    body = first.json()
    assert body == other.json()
    assert len(body["channels"]) == 1
    assert max(body["channels"][0]) > 0.05
    assert len(kept(tmp_path)) == 1

    async def none(path: Path) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(api.platform.decoder, "open_file", none, raising=False)
    assert (await api.client.get(path)).json() == body


async def test_damage_is_measured_again(api: Api, tmp_path: Path) -> None:
    await api.client.put("/v1/recordings/call-1", content=tone())
    body = (await api.client.get("/v1/calls/call-1/waveform")).json()
    kept(tmp_path)[0].write_bytes(b"\2")
    assert (await api.client.get("/v1/calls/call-1/waveform")).json() == body


async def test_another_recording_has_another_waveform(api: Api, tmp_path: Path) -> None:
    await api.client.put("/v1/recordings/call-1", content=tone())
    await api.client.get("/v1/calls/call-1/waveform")
    before = kept(tmp_path)
    recording = next((tmp_path / "store" / "recordings").rglob("call-1*"))
    recording.write_bytes(recording.read_bytes()[:-2000] + b"\0" * 2000)
    await api.client.get("/v1/calls/call-1/waveform")
    assert len(kept(tmp_path)) == 1
    assert kept(tmp_path) != before


async def test_it_goes_with_its_call(api: Api, tmp_path: Path) -> None:
    await api.client.put("/v1/recordings/call-1", content=tone())
    await api.client.get("/v1/calls/call-1/waveform")
    assert (await api.client.delete("/v1/calls/call-1")).status_code == 204
    assert kept(tmp_path) == []
    assert (await api.client.get("/v1/calls/call-1/waveform")).status_code == 410


async def test_a_damaged_recording_says_so(api: Api, tmp_path: Path) -> None:
    await api.client.put("/v1/recordings/call-1", content=tone())
    recording = next((tmp_path / "store" / "recordings").rglob("call-1*"))
    recording.write_bytes(b"no sound at all" * 100)
    answer = await api.client.get("/v1/calls/call-1/waveform")
    assert answer.json()["error"]["code"] == "not_audio"
    assert kept(tmp_path) == []


async def test_one_tenants_many_do_not_keep_another_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_api(tmp_path) as api:
        waveforms = Waveforms(api.platform)
        go_on, begun = asyncio.Event(), list[str]()

        async def held(self: Waveforms, key: CallKey, recording: str, kept: str) -> Loudness:
            begun.append(key.tenant)
            await go_on.wait()
            return Loudness(np.zeros((0, 1), np.uint8), 0.0)

        monkeypatch.setattr(Waveforms, "_measure", held)
        many = [
            asyncio.create_task(waveforms.of(CallKey("many", f"call-{n}"), "r", f"c{n}"))
            for n in range(17)
        ]
        await asyncio.wait(many, return_when=asyncio.FIRST_COMPLETED)
        other = asyncio.create_task(waveforms.of(CallKey("other", "call-1"), "r", "c"))
        while begun != ["many", "other"]:
            await asyncio.sleep(0)
        go_on.set()
        answers = await asyncio.gather(*many, other, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, Unavailable)]
        assert len(refused) == 1
        assert answers[-1] not in refused
