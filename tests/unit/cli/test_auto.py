"""Engine ``auto``: which one it is, and why."""

from __future__ import annotations

import pytest

from twicetold import parts
from twicetold.choice.wishes import Use
from twicetold.cli import auto
from twicetold.cli.auto import candidates, with_engines_chosen
from twicetold.config import Settings
from twicetold.engines import EngineInfo
from twicetold.errors import EngineFailed, SettingError
from twicetold.parts import EngineHere

pytestmark = pytest.mark.unit


def here(name: str, rank: int, size: int = 0, *, languages: tuple[str, ...] = ("*",)) -> EngineHere:
    info = EngineInfo(
        name.partition(":")[0], "", languages, live=True, batch=True, word_times=True, rank=rank
    )
    return EngineHere(name, info, size, live_speed=4.0)


HERE = [
    here("pocketsphinx", 1, languages=("en",)),
    here("whisper:small", 4, 500),
    here("whisper:large", 4, 3_000),
    here("parakeet:v3", 5, 2_000, languages=("en", "de")),
]


@pytest.fixture
def speeds(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What each engine is measured at; one without is one that does not start."""
    found: dict[str, float] = {}

    async def speed_of(name: str, use: Use, settings: Settings) -> float:
        if name not in found:
            raise EngineFailed("gone, says the test")
        return found[name]

    monkeypatch.setattr(auto, "speed_of", speed_of)
    monkeypatch.setattr(parts, "engines_here", lambda settings: HERE)
    return found


def test_the_one_with_fewest_errors_comes_first_and_of_its_models_the_largest(
    speeds: dict[str, float],
) -> None:
    names = [each.name for each in candidates(Use.BATCH, Settings())]
    assert names == ["parakeet:v3", "whisper:large", "whisper:small", "pocketsphinx"]
    german = [each.name for each in candidates(Use.BATCH, Settings(language="de"))]
    assert german == ["parakeet:v3", "whisper:large", "whisper:small"]
    hindi = [each.name for each in candidates(Use.LIVE, Settings(language="hi"))]
    assert hindi == ["whisper:large", "whisper:small"]


async def test_what_does_not_start_or_is_too_slow_is_passed_over_and_said(
    speeds: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    speeds |= {"whisper:large": 2.0, "whisper:small": 9.0, "pocketsphinx": 8.0}
    settings = await with_engines_chosen(Settings(live_engine="auto", batch_engine="auto"))
    assert settings.live_engine == "whisper:small"  # live needs more
    assert settings.batch_engine == "whisper:large"
    told = capsys.readouterr().err
    assert "live_engine auto: whisper:small, 9.0 × real time" in told
    assert "parakeet:v3 does not start: gone, says the test" in told
    assert "whisper:large is too slow here (2.0 × real time, it needs 4)" in told


async def test_others_stay_in_their_places(speeds: dict[str, float]) -> None:
    speeds |= {"parakeet:v3": 20.0}
    asked = Settings(live_engine="hi=whisper:small, auto, parakeet:v3, pocketsphinx")
    settings = await with_engines_chosen(asked)
    assert settings.live_engine == "hi=whisper:small, parakeet:v3, pocketsphinx"
    assert settings.batch_engine == asked.batch_engine


async def test_what_works_elsewhere_is_not_measured(speeds: dict[str, float]) -> None:
    settings = await with_engines_chosen(Settings(live_engine="auto"), ())
    assert settings.live_engine == "parakeet:v3"


async def test_where_nothing_keeps_up_it_says_what_there_was(speeds: dict[str, float]) -> None:
    speeds |= {"pocketsphinx": 0.5}
    with pytest.raises(SettingError, match=r"pocketsphinx is too slow here \(0.5") as caught:
        await with_engines_chosen(Settings(batch_engine="auto"))
    assert "twicetold models list" in caught.value.hint
