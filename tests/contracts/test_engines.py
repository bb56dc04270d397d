"""The engines, each under the contract, and what only one of them promises."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path

import av
import pytest

pytest.register_assert_rewrite("tests.contracts.engine_contract")

from tests.contracts.engine_contract import BatchContract, LiveContract, hear  # noqa: E402
from tests.models import moonshine, sherpa  # noqa: E402
from tests.models.whisper import make_model, pcm_of, speech  # noqa: E402

from twicetold.engines import Sound, StreamingTranscriber, Transcriber  # noqa: E402
from twicetold.engines.counter import COUNTER_INFO, CounterEngine, render  # noqa: E402
from twicetold.engines.inline import Inline  # noqa: E402
from twicetold.engines.pocketsphinx import POCKETSPHINX_INFO, PocketsphinxEngine  # noqa: E402
from twicetold.engines.pool import HostPool  # noqa: E402
from twicetold.engines.registry import ENGINES, engine_info, open_batch, open_live  # noqa: E402
from twicetold.engines.stream_adapter.engine import AdaptedEngine  # noqa: E402
from twicetold.engines.stream_adapter.window import WindowSettings  # noqa: E402
from twicetold.engines.whisper.engine import WhisperEngine  # noqa: E402
from twicetold.errors import EngineFailed  # noqa: E402

pytestmark = pytest.mark.contracts

CALLS = Path(__file__).parents[2] / "samples" / "calls"


def hello() -> list[Sound]:
    """The two utterances of the sample call ``hello``, with a little quiet around each."""
    with av.open(str(CALLS / "hello.flac")) as container:
        pcm = b"".join(f.to_ndarray().tobytes() for f in container.decode(audio=0))
    told = json.loads((CALLS / "hello.json").read_text())["utterances"]
    margin = 3200
    bounds = [(u["start_sample"] - margin, u["end_sample"] + margin) for u in told]
    return [Sound(pcm[2 * max(0, begin) : 2 * end], 16_000) for begin, end in bounds]


class Counting:
    first = Sound(render(17, 6, 16_000, pause_s=0.1), 16_000)
    second = Sound(render(400, 4, 16_000, pause_s=0.1), 16_000)


class TestCounterInline(Counting, LiveContract, BatchContract):
    @pytest.fixture
    async def live(self) -> AsyncIterator[StreamingTranscriber]:
        engine = await open_live("counter", hosts=0, timeout_s=30)
        yield engine
        await engine.aclose()

    @pytest.fixture
    async def batch(self) -> AsyncIterator[Transcriber]:
        engine = await open_batch("counter", hosts=0, timeout_s=30)
        yield engine
        await engine.aclose()

    async def test_the_engine_hears_every_integer(self) -> None:
        partials, last = await hear(Inline(CounterEngine()), self.first, (1600,))
        assert last.text == "17 18 19 20 21 22"
        assert next(p.text for p in partials if p.words) == "17"


class TestCounterHosted(Counting, LiveContract, BatchContract):
    @pytest.fixture
    async def pool(self) -> AsyncIterator[HostPool]:
        pool = HostPool(
            "twicetold.engines.counter:CounterEngine", COUNTER_INFO, hosts=1, streams_per_host=2
        )
        await pool.start()
        yield pool
        await pool.aclose()

    @pytest.fixture
    def live(self, pool: HostPool) -> HostPool:
        return pool

    @pytest.fixture
    def batch(self, pool: HostPool) -> HostPool:
        return pool


class TestAdaptedCounter(Counting, LiveContract):
    """An engine that is live by windows of its batch verb alone."""

    @pytest.fixture
    async def live(self) -> AsyncIterator[StreamingTranscriber]:
        engine = Inline(AdaptedEngine(CounterEngine(), WindowSettings(0.2, 0.6, 1.2)))
        yield engine
        await engine.aclose()


@pytest.mark.slow
async def test_pocketsphinx_in_windows_hears_a_greeting() -> None:
    """A recogniser that is as unsteady as real ones are."""
    engine = AdaptedEngine(PocketsphinxEngine(), WindowSettings(tick_s=0.5))
    partials, last = await hear(Inline(engine), hello()[0])
    assert {"good", "morning", "help", "you"} <= set(last.text.split())
    assert any(0 < partial.settled < len(last.words) for partial in partials)
    for partial in partials:
        assert partial.words[: partial.settled] == last.words[: partial.settled]


@pytest.mark.slow
class TestPocketsphinx(LiveContract, BatchContract):
    first, second = hello()

    @pytest.fixture
    async def live(self) -> AsyncIterator[StreamingTranscriber]:
        engine = await open_live("pocketsphinx", hosts=1, timeout_s=30)
        yield engine
        await engine.aclose()

    @pytest.fixture
    async def batch(self) -> AsyncIterator[Transcriber]:
        # Not by open_batch, whose low priority would make these tests wait on a busy machine.
        pool = HostPool(
            ENGINES["pocketsphinx"].hosted, POCKETSPHINX_INFO, hosts=1, streams_per_host=1
        )
        await pool.start()
        yield pool
        await pool.aclose()

    async def test_it_hears_a_greeting(self, live: StreamingTranscriber) -> None:
        _, last = await hear(live, self.first)
        assert {"good", "morning", "help", "you"} <= set(last.text.split())
        assert last.words[0].start == pytest.approx(0.2, abs=0.1)
        assert all(word.probability is not None for word in last.words)
        assert last.adaptation is not None

    async def test_the_last_word_survives_a_cut_right_after_it(
        self, live: StreamingTranscriber
    ) -> None:
        cut = Sound(self.first.pcm[: -2 * 3200], 16_000)
        _, last = await hear(live, cut)
        assert last.words[-1].text == "you"

    async def test_another_language_is_refused(self, live: StreamingTranscriber) -> None:
        with pytest.raises(EngineFailed, match="English only"):
            await live.start_stream(16_000, "de-AT")
        stream = await live.start_stream(8_000, "en-GB")
        await stream.aclose()

    async def test_a_telephone_rate_is_heard_at_its_true_times(self, batch: Transcriber) -> None:
        import numpy as np
        import soxr

        narrow = soxr.resample(np.frombuffer(self.first.pcm, "<i2"), 16_000, 8_000)
        sounds = [self.first, Sound(narrow.astype("<i2").tobytes(), 8_000)]
        wide, heard = await batch.transcribe(sounds, "en")
        assert heard.words
        assert heard.words[-1].end == pytest.approx(wide.words[-1].end, abs=0.1)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> WhisperEngine:
    """Whisper with weights made so that it says a word for every 0.4 s of loud sound."""
    return WhisperEngine(str(make_model(tmp_path_factory.mktemp("whisper") / "reader")), threads=1)


class TestWhisper(LiveContract, BatchContract):
    first, second = Sound(pcm_of(speech(3, 4)), 16_000), Sound(pcm_of(speech(4, 3)), 16_000)

    @pytest.fixture
    async def live(self, reader: WhisperEngine) -> AsyncIterator[StreamingTranscriber]:
        engine = Inline(reader)  # its way through a host is in tests/integration/test_whisper.py
        yield engine
        await engine.aclose()

    @pytest.fixture
    async def batch(self, reader: WhisperEngine) -> AsyncIterator[Transcriber]:
        engine = Inline(reader)
        yield engine
        await engine.aclose()

    async def test_words_have_the_times_of_their_sounds(self, batch: Transcriber) -> None:
        (heard,) = await batch.transcribe([self.first], "en")
        for word, following in itertools.pairwise(heard.words):
            assert word.end == pytest.approx(following.start, abs=0.15)
        assert heard.words[-1].end == pytest.approx(4, abs=0.2)
        assert all(0 < (word.probability or 0) <= 1 for word in heard.words)


class TestSherpaHosted(LiveContract):
    first, second = Sound(pcm_of(speech(1, 5)), 16_000), Sound(pcm_of(speech(2, 4)), 16_000)

    @pytest.fixture
    async def live(self, tmp_path: Path) -> AsyncIterator[StreamingTranscriber]:
        model = sherpa.make_model(tmp_path / "small-zipformer")
        engine = await open_live(f"sherpa:{model}", hosts=1, timeout_s=30)
        yield engine
        await engine.aclose()


@pytest.fixture(scope="module")
def moonshine_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moonshine.make_model(tmp_path_factory.mktemp("models") / "tiny-streaming-en")


class TestMoonshineHosted(LiveContract, BatchContract):
    first, second = Sound(pcm_of(speech(1, 5)), 16_000), Sound(pcm_of(speech(2, 4)), 16_000)

    @pytest.fixture
    async def live(self, moonshine_model: Path) -> AsyncIterator[StreamingTranscriber]:
        engine = await open_live(f"moonshine:{moonshine_model}", hosts=1, timeout_s=30)
        yield engine
        await engine.aclose()

    @pytest.fixture
    async def batch(self, moonshine_model: Path) -> AsyncIterator[Transcriber]:
        # Not by open_batch, whose low priority would make these tests wait on a busy machine.
        info = engine_info(f"moonshine:{moonshine_model}")
        options = {"model": str(moonshine_model)}
        pool = HostPool(
            ENGINES["moonshine"].hosted, info, hosts=1, streams_per_host=1, options=options
        )
        await pool.start()
        yield pool
        await pool.aclose()
