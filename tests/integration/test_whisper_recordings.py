"""The batch pass with engine whisper on a small model: a channel has one language."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.models.whisper import Shape, drone, make_model, pcm_of, speech
from tests.unit.batch.doubles import FakeDecoder

from twicetold.batch.checkpoints import KeptChunks
from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.pipeline import Tools, run_stages, stages
from twicetold.batch.places import EnginePlaces
from twicetold.batch.stages import Publish
from twicetold.batch.transcript import Transcript
from twicetold.config import Settings
from twicetold.engines import NOTHING_EXPECTED, Expected, Sound
from twicetold.engines.inline import Inline
from twicetold.engines.whisper.engine import WhisperEngine
from twicetold.observe.metrics import Metrics
from twicetold.parts import policy_of
from twicetold.tenants import Tenants
from twicetold.wiring.passes import batch_engines

pytestmark = pytest.mark.integration

RATE = 16_000
CHUNKING = ChunkingSettings(chunk_s=3.0)
Said = list[str]


class AllSpeech:
    """A test double: a voice activity detector to which everything is speech."""

    frame_s, blocking = 0.032, False

    def start(self, rate: int) -> None:
        return None

    def frame_samples(self, rate: int) -> int:
        return 512

    def probabilities(self, state: object, pcm: bytes) -> tuple[list[float], None]:
        return [1.0] * (len(pcm) // 1024), None


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> WhisperEngine:
    directory = tmp_path_factory.mktemp("models") / "reader"
    make_model(directory, Shape(seed=1, multilingual=True))
    return WhisperEngine(str(directory), compute="float32", threads=1, tick_s=1.0)


class Heeding(Inline):
    """The engine in this process; notes in which language it was asked for what."""

    def __init__(self, engine: WhisperEngine) -> None:
        super().__init__(engine)
        self.asked: list[tuple[str, float]] = []

    async def transcribe(self, sounds: Any, language: str) -> Any:
        self.asked += [(language, sound.seconds) for sound in sounds]
        return await super().transcribe(sounds, language)


async def transcribed(
    engine: Heeding, pcm: bytes, kept: KeptChunks, expected: Expected = NOTHING_EXPECTED
) -> Said:
    said: Said = []

    async def keep(_: Transcript, segments: Any) -> None:
        async for segment in segments:
            said.extend(word.text for word in segment.words)

    tools = Tools(FakeDecoder(pcm, RATE), engine, AllSpeech())
    steps = stages(tools, EnginePlaces(engine), CHUNKING, Publish(keep), expected)
    await run_stages(steps, Transcript(Path("call.raw"), "auto", kept))
    return said


@pytest.mark.slow
async def test_a_channel_keeps_one_language_where_its_chunks_would_not(
    engine: WhisperEngine,
) -> None:
    pieces = [speech(seed, 3) for seed in range(10)]
    doubled = [Sound(pcm_of(np.concatenate([piece, piece])), RATE) for piece in pieces]
    apart = {engine.transcribe(sound, "auto").language for sound in doubled}
    assert len(apart) > 1, "expected sounds of several languages"
    pcm, heeding, kept = pcm_of(np.concatenate(pieces)), Heeding(engine), KeptChunks()
    said = await transcribed(heeding, pcm, kept)
    found = await kept.load_language(0)
    assert found is not None
    (unsettled, first_s), *others = heeding.asked
    assert unsettled == "auto"
    assert first_s >= 5.0
    assert {language for language, _ in others} == {found.language} <= apart
    assert len(others) >= 10
    assert said == await transcribed(Heeding(engine), pcm, KeptChunks())
    resumed = KeptChunks()
    resumed._chunks.update({number: kept._chunks[number] for number in (1, 4, 5)})
    resumed._languages.update(kept._languages)
    again = Heeding(engine)
    assert await transcribed(again, pcm, resumed) == said
    assert len(again.asked) == len(others) - 3


async def test_a_tenants_words_and_languages_reach_its_recording_alone(
    engine: WhisperEngine,
) -> None:
    pcm = pcm_of(np.concatenate([speech(seed, 3) for seed in range(5)]))
    expected, kept = Expected(("quux", "wob"), ("fr",)), KeptChunks()
    plainly = await transcribed(Heeding(engine), pcm, KeptChunks())
    told = await transcribed(Heeding(engine), pcm, kept, expected)
    found = await kept.load_language(0)
    assert found is not None
    assert found.language == "fr"
    assert told != plainly
    assert await transcribed(Heeding(engine), pcm, KeptChunks()) == plainly
    only = replace(expected, terms=())
    assert await transcribed(Heeding(engine), pcm, KeptChunks(), only) != told


async def test_what_the_guards_did_in_hosts_is_in_the_metrics(tmp_path: Path) -> None:
    """Of the batch pass as the product opens it; no text is among the figures."""
    model = make_model(tmp_path / "reader.en", Shape(seed=1))
    name = f"whisper:{model}?compute=float32&threads=1&tick_s=1"
    settings = Settings(data_dir=tmp_path, batch_engine=name, batch_hosts=2, batch_niceness=0)
    tenants, metrics = Tenants.load(None), Metrics()
    opening = batch_engines(settings, tenants, policy_of(settings, tenants), FakeDecoder(b"", RATE))
    async with opening as engines:
        metrics.engines("batch", engines.healths, engines.guarded)
        kit = engines.of("default", "en").first.engine
        looping = Sound(pcm_of(drone(3, 12)), RATE)
        heard = await kit.tools.engine.transcribe([looping, looping], "en")
        rendered = (await metrics.rendered()).decode()
    acted = Counter([*heard[0].guarded, *heard[1].guarded])
    assert acted["repetition"] >= 2
    shown = [line for line in rendered.splitlines() if line.startswith("twicetold_engine_guarded")]
    label = f"whisper:reader.en?{name.partition('?')[2]}"
    assert sorted(shown) == sorted(
        f'twicetold_engine_guarded_total{{engine="{label}",pass="batch",reason="{reason}"}} {n}.0'
        for reason, n in acted.items()
    )
