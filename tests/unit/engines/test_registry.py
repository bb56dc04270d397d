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
from twicetold.engines.silero import SileroActivity
from twicetold.errors import SettingError

pytestmark = pytest.mark.unit


def test_every_engine_goes_by_its_own_name() -> None:
    assert set(ENGINES) == {"pocketsphinx", "counter", "null", "parakeet", "whisper"}
    for name, engine in ENGINES.items():
        info = engine.info if engine.takes_model else engine_info(name)
        assert info.name == name
        assert info.live
        assert info.batch
        assert info.good_for
        assert not info.remote


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
