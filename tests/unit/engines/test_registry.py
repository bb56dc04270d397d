"""Engines by name."""

from __future__ import annotations

import pytest

from twicetold.engines import EngineInfo, Hears
from twicetold.engines.counter import ToneActivity
from twicetold.engines.registry import (
    ENGINES,
    engine_info,
    open_activity,
    open_batch,
    open_live,
    usable_cores,
)
from twicetold.engines.remote import Remotes
from twicetold.engines.silero import SileroActivity
from twicetold.errors import SettingError

pytestmark = pytest.mark.unit


def test_every_engine_goes_by_its_own_name() -> None:
    remote = {"realtime", "openai", "sarvam"}
    assert set(ENGINES) == {
        "pocketsphinx",
        "counter",
        "null",
        "parakeet",
        "whisper",
        "moonshine",
        "sherpa",
        *remote,
    }
    for name, engine in ENGINES.items():
        info = engine.info if engine.takes_model else engine_info(name)
        assert info.name == name
        assert info.live or info.batch
        assert info.good_for
        assert info.remote == (name in remote)


def test_a_remote_engine_is_followed_by_a_models_name() -> None:
    assert engine_info("openai:org/model:8bit").model == "org/model:8bit"
    assert engine_info("openai:whisper-1").word_times
    assert not engine_info("openai:gpt-4o-transcribe").word_times
    assert engine_info("sarvam").model
    for name in ("openai", "realtime"):
        with pytest.raises(SettingError, match=f"{name} needs the name of a model"):
            engine_info(name)


async def test_a_missing_key_or_address_is_one_line_that_names_the_setting() -> None:
    patience = {"hosts": 0, "timeout_s": 1}
    vllm = Remotes(realtime_protocol="vllm")
    with pytest.raises(SettingError, match="openai_key is unset"):
        await open_batch("openai:whisper-1", **patience)
    with pytest.raises(SettingError, match="realtime_key is unset"):
        await open_live("realtime:gpt-4o-transcribe", **patience)
    with pytest.raises(SettingError, match="realtime_url is unset"):
        await open_live("realtime:voxtral", **patience, remotes=vllm)
    for open_it in (open_live, open_batch):
        with pytest.raises(SettingError, match="sarvam_key is unset"):
            await open_it("sarvam", **patience)
    own = await open_batch("openai:x", **patience, remotes=Remotes(openai_url="http://h/v1"))
    await own.aclose()


async def test_an_unknown_name_is_told_the_known_ones() -> None:
    for open_it in (open_live, open_batch):
        with pytest.raises(SettingError, match=r"'murmur'.*pocketsphinx, counter, null"):
            await open_it("murmur", hosts=1, timeout_s=1)
    with pytest.raises(SettingError):
        engine_info("")


async def test_cheap_engines_open_without_a_host() -> None:
    for name in ("counter", "null"):
        live = await open_live(name, hosts=0, timeout_s=1)
        batch = await open_batch(name, hosts=0, timeout_s=1)
        assert live.info == batch.info == engine_info(name)
        assert batch.parallel == 1
        await live.aclose()
        await batch.aclose()


def test_what_an_engine_hears_decides_its_gate() -> None:
    assert isinstance(open_activity(engine_info("counter")), ToneActivity)
    assert isinstance(open_activity(engine_info("pocketsphinx")), SileroActivity)
    speech = EngineInfo("x", "x", ("*",), True, True, True, hears=Hears.SPEECH)
    assert open_activity(speech).blocking
    assert not open_activity(engine_info("null")).blocking


def test_there_is_at_least_one_core() -> None:
    assert usable_cores() >= 1
