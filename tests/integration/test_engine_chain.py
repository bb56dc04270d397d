"""Several engines on a running server: who steps in, who hears again, whom no sound reaches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.live_harness import (
    RATE,
    Served,
    call,
    serving,
    settled,
    talk,
    wire,
    words,
)

from twicetold import tenants as tenants_file
from twicetold.engines import EngineInfo, Expected, Sound, registry
from twicetold.engines.counter import COUNTER_INFO, CounterEngine
from twicetold.engines.hosted import HostedStream
from twicetold.engines.registry import Engine, engine_info
from twicetold.errors import EngineFailed
from twicetold.speech.transcript import Hypothesis
from twicetold.speech.wav import wav_head
from twicetold.tenants import Tenants

pytestmark = pytest.mark.integration


class NamedCounter(CounterEngine):
    """A test double: the counter by another name, which may be away, and notes what it hears."""

    def __init__(self, name: str, *, remote: bool = False) -> None:
        self._info = replace(COUNTER_INFO, name=name, remote=remote)
        self.away = False
        self.streams = self.sounds = 0

    @property
    def info(self) -> EngineInfo:
        return self._info

    def start(self, rate: int, language: str, adaptation: str | None) -> HostedStream:
        self._refuse()
        self.streams += 1
        return super().start(rate, language, adaptation)

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        self._refuse()
        self.sounds += 1
        return CounterEngine().transcribe(sound, language)

    def _refuse(self) -> None:
        if self.away:
            raise EngineFailed("away, says the test")


@contextlib.contextmanager
def known(monkeypatch: pytest.MonkeyPatch, *engines: NamedCounter) -> Iterator[None]:
    for engine in engines:
        made = Engine(engine.info, inline=lambda engine=engine: engine)
        monkeypatch.setitem(registry.ENGINES, engine.info.name, made)
    yield


async def draft_engine(server: Served, call_id: str, key: str = "") -> str:
    async with server.client(key) as client:
        engine: str = (await client.get(f"/v1/calls/{call_id}")).json()["draft_engine"]
    return engine


async def test_another_engine_goes_on_with_a_call_whose_own_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flaky = NamedCounter("flaky")
    flaky.away = True
    sound, numbers = talk(1, 40)
    with (
        known(monkeypatch, flaky),
        serving(tmp_path, live_engine="flaky, counter", batch_engine="counter") as server,
    ):
        async with call(server, "call-1") as client:
            await client.play(sound)
            finals = await client.finish()
        async with server.client() as api:
            metrics = (await api.get("/metrics")).text
    assert words(finals) == numbers
    assert {final["engine"] for final in finals} == {"counter"}
    partials = [event for event in client.seen if event["type"] == "partial"]
    assert {partial["engine"] for partial in partials} <= {"counter"}
    assert 'twicetold_engine_out{engine="flaky",pass="live"} 1.0' in metrics


async def test_the_draft_names_all_that_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flaky = NamedCounter("flaky")
    sound, numbers = talk(1, 24)  # three utterances
    half = len(sound) // 3 // 6400 * 6400
    with (
        known(monkeypatch, flaky),
        serving(tmp_path, live_engine="flaky, counter", batch_engine="counter") as server,
    ):
        async with call(server, "call-1") as client:
            await client.play(sound[:half])
            await client.until("final")
            flaky.away = True
            await client.play(sound[half:])
            finals = await client.finish()
        assert words(finals) == numbers
        assert await draft_engine(server, "call-1") in ("counter, flaky", "flaky, counter")


async def test_each_utterance_is_heard_again_for_its_final(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = NamedCounter("again")
    sound, numbers = talk(1, 40)
    with (
        known(monkeypatch, again),
        serving(tmp_path, live_final_engine="again", lag_notice_s=30) as server,
    ):
        async with call(server, "call-1") as client:
            for at in range(0, len(sound), 64_000):  # not so fast that it falls behind
                await client.play(sound[at : at + 64_000])
            finals = await client.finish()
    assert words(finals) == numbers
    assert "again" in {final["engine"] for final in finals}
    assert again.sounds >= 1


async def test_no_sound_reaches_a_remote_engine_that_the_tenant_does_not_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = NamedCounter("cloud", remote=True)
    tenants = Tenants(tmp_path / "tenants.toml")
    keys = {name: tenants.add(name) for name in ("acme", "other")}
    tenants.wish("acme", {"allow_remote": "cloud"})
    sound, numbers = talk(1, 8)
    with (
        known(monkeypatch, cloud),
        serving(tmp_path, live_engine="cloud", batch_engine="cloud") as server,
    ):
        async with wire(server, key=keys["other"], call_id="call-1") as client:
            error, code = await client.refused()
        assert (error["code"], code) == ("engine_not_allowed", 4403)
        async with server.client(keys["other"]) as api:
            refused = await api.put("/v1/recordings/call-2", content=b"RIFF")
            assert refused.status_code == 403
        assert cloud.streams == cloud.sounds == 0
        async with call(server, "call-1", key=keys["acme"]) as client:
            await client.play(sound)
            assert words(await client.finish()) == numbers
    assert cloud.streams > 0


class ExpectingCounter(NamedCounter):
    """A test double: it can be told what is expected, and notes what it was told."""

    def __init__(self) -> None:
        super().__init__("expecting")
        self._info = replace(self._info, vocabulary=True)
        self.told: list[Expected] = []

    def start_expecting(
        self, rate: int, language: str, adaptation: str | None, expected: Expected
    ) -> HostedStream:
        self.told.append(expected)
        return super().start(rate, language, adaptation)

    def start(self, rate: int, language: str, adaptation: str | None) -> HostedStream:
        return self.start_expecting(rate, language, adaptation, Expected())

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        self.told.append(sound.expected)
        return super().transcribe(sound, language)


@pytest.mark.slow
async def test_each_tenants_calls_and_recordings_are_heard_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, expected = ExpectingCounter(), Expected(("quux", "Dr. No"), ("de",))
    tenants = Tenants(tmp_path / "tenants.toml")
    keys = {name: tenants.add(name) for name in ("acme", "other")}
    tenants.wish("acme", {"vocabulary": "quux, Dr. No", "languages": "de"})
    sound, numbers = talk(1, 8)
    names = {"live_engine": "expecting", "batch_engine": "expecting"}
    with known(monkeypatch, engine), serving(tmp_path, **names) as server:
        for tenant, theirs in (("acme", expected), ("other", Expected()), ("acme", expected)):
            engine.told.clear()
            call_id = f"call-{len(tenant)}-{engine.streams}"
            async with call(server, call_id, key=keys[tenant]) as client:
                await client.play(sound)
                assert words(await client.finish()) == numbers
            await settled(server, call_id, key=keys[tenant])
            assert set(engine.told) == {theirs}
            assert len(engine.told) >= 2
        assert engine.sounds >= 3


@pytest.mark.slow
async def test_what_a_tenants_engine_can_do_is_read_off_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also that of one which it was given while the server runs: a model's files are big."""
    read: list[tuple[str, bool]] = []

    def reading(name: str, models_dir: Path | None = None) -> EngineInfo:
        on_a_loop = True
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            on_a_loop = False
        read.append((name, on_a_loop))
        return engine_info(name, models_dir)

    for part in ("wanted", "engines"):
        monkeypatch.setattr(f"twicetold.parts.{part}.engine_info", reading)
    monkeypatch.setattr(tenants_file, "_LOOK_INTERVAL_S", 0.0)
    tenants = Tenants(tmp_path / "tenants.toml")
    key, other = tenants.add("acme"), tenants.add("other")
    sound, numbers = talk(1, 8)
    with (
        known(monkeypatch, NamedCounter("new"), NamedCounter("newer")),
        serving(tmp_path, live_engine="counter", batch_engine="counter") as server,
    ):
        tenants.wish("acme", {"live_engine": "new, counter"})
        tenants.wish("other", {"batch_engine": "newer, counter"})
        read.clear()
        async with call(server, "call-1", key=key) as client:
            await client.play(sound)
            assert words(await client.finish()) == numbers
        await settled(server, "call-1", key=key)
        body = wav_head(RATE, 1, len(sound)) + sound
        async with server.client(other) as api:
            assert (await api.put("/v1/recordings/call-2", content=body)).status_code == 202
        await settled(server, "call-2", key=other)
    assert {"new", "newer"} <= {name for name, _ in read}
    assert not [name for name, on_a_loop in read if on_a_loop]
