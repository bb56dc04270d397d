"""What every engine must do, live and in batch. An engine's test class inherits, and gives the
fixtures ``live`` or ``batch`` and two stretches of sound that it hears words in."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from twicetold.engines import Sound, StreamingTranscriber, Transcriber
from twicetold.errors import EngineFailed, OddByteCount
from twicetold.speech.transcript import Hypothesis

LANGUAGE = "en"


async def hear(
    engine: StreamingTranscriber,
    sound: Sound,
    pieces: Sequence[int] = (6400,),
    adaptation: str | None = None,
) -> tuple[list[Hypothesis], Hypothesis]:
    """What each ``accept`` and ``finish`` say of ``sound``, cut into ``pieces`` bytes in turn."""
    stream = await engine.start_stream(sound.rate, LANGUAGE, adaptation)
    partials, at = [], 0
    for size in itertools.cycle(pieces):
        if at >= len(sound.pcm):
            break
        partials.append(await stream.accept(sound.pcm[at : at + size]))
        at += size
    return partials, await stream.finish()


def check_words(hypothesis: Hypothesis, sound: Sound) -> None:
    """Words in order, inside the sound, and fit to be shown."""
    starts = [word.start for word in hypothesis.words]
    assert starts == sorted(starts)
    for word in hypothesis.words:
        assert 0 <= word.start <= word.end <= sound.seconds + 0.001
        assert word.text == word.text.strip() != ""
        assert not set(word.text) & set("<>[]()+")
        assert word.probability is None or 0 <= word.probability <= 1


class LiveContract:
    first: Sound
    second: Sound
    silent_s = 1.0

    @pytest.fixture
    def live(self) -> StreamingTranscriber:
        """The engine, ready; closed by the fixture."""
        raise NotImplementedError

    def silence(self) -> Sound:
        return Sound(bytes(2 * round(self.silent_s * self.first.rate)), self.first.rate)

    async def test_accept_grows_into_the_words_of_finish(self, live: StreamingTranscriber) -> None:
        partials, last = await hear(live, self.first)
        assert len(last.words) >= 2
        check_words(last, self.first)
        for partial in partials:
            check_words(partial, self.first)
        counts = [len(partial.words) for partial in partials]
        assert max(counts) >= 2, "the words came at the end only"
        assert counts[0] < counts[len(counts) // 2] < counts[-1]

    async def test_pieces_do_not_change_the_words(self, live: StreamingTranscriber) -> None:
        _, expected = await hear(live, self.first)
        for pieces in ((len(self.first.pcm),), (2, 998, 4000, 46)):
            _, last = await hear(live, self.first, pieces)
            assert last == expected

    async def test_the_same_again_is_the_same(self, live: StreamingTranscriber) -> None:
        heard_before = await hear(live, self.second)
        heard = await hear(live, self.first)
        assert await hear(live, self.second) == heard_before
        assert await hear(live, self.first) == heard

    async def test_finish_after_nothing_says_nothing(self, live: StreamingTranscriber) -> None:
        stream = await live.start_stream(self.first.rate, LANGUAGE)
        assert (await stream.finish()).words == ()

    async def test_an_empty_piece_changes_nothing(self, live: StreamingTranscriber) -> None:
        stream = await live.start_stream(self.first.rate, LANGUAGE)
        assert (await stream.accept(b"")).words == ()
        heard = await stream.accept(self.first.pcm)
        assert await stream.accept(b"") == heard
        await stream.aclose()

    async def test_silence_has_no_words(self, live: StreamingTranscriber) -> None:
        partials, last = await hear(live, self.silence())
        assert all(heard.words == () for heard in (*partials, last))

    async def test_streams_at_once_do_not_mix(self, live: StreamingTranscriber) -> None:
        alone = [(await hear(live, sound))[1] for sound in (self.first, self.second)]
        together = await asyncio.gather(
            hear(live, self.first, (3200,)), hear(live, self.second, (4800,))
        )
        assert [last for _, last in together] == alone
        assert alone[0].text != alone[1].text

    async def test_aclose_may_come_at_any_time_and_twice(self, live: StreamingTranscriber) -> None:
        for taken in (0, len(self.first.pcm) // 4 * 2):
            stream = await live.start_stream(self.first.rate, LANGUAGE)
            await stream.accept(self.first.pcm[:taken])
            await stream.aclose()
            await stream.aclose()
        stream = await live.start_stream(self.first.rate, LANGUAGE)
        await stream.finish()
        await stream.aclose()
        _, last = await hear(live, self.first)
        assert last.words

    async def test_a_finished_stream_takes_no_more(self, live: StreamingTranscriber) -> None:
        stream = await live.start_stream(self.first.rate, LANGUAGE)
        await stream.finish()
        with pytest.raises(EngineFailed):
            await stream.accept(self.first.pcm)

    async def test_half_a_sample_is_refused(self, live: StreamingTranscriber) -> None:
        stream = await live.start_stream(self.first.rate, LANGUAGE)
        with pytest.raises(OddByteCount):
            await stream.accept(b"\0\0\0")
        await stream.aclose()

    async def test_adaptation_makes_the_round_trip(self, live: StreamingTranscriber) -> None:
        _, before = await hear(live, self.first)
        _, one = await hear(live, self.second, adaptation=before.adaptation)
        _, again = await hear(live, self.second, (1000,), adaptation=before.adaptation)
        assert one == again

    async def test_a_strange_adaptation_counts_as_none(self, live: StreamingTranscriber) -> None:
        _, expected = await hear(live, self.first)
        for strange in ("", "of another engine"):
            _, last = await hear(live, self.first, adaptation=strange)
            assert replace(last, adaptation=None) == replace(expected, adaptation=None)

    async def test_a_closed_engine_starts_nothing(self, live: StreamingTranscriber) -> None:
        await live.aclose()
        await live.aclose()
        with pytest.raises(EngineFailed):
            await live.start_stream(self.first.rate, LANGUAGE)


class BatchContract:
    first: Sound
    second: Sound

    @pytest.fixture
    def batch(self) -> Transcriber:
        """The engine, ready; closed by the fixture."""
        raise NotImplementedError

    async def test_one_hypothesis_a_sound_in_order(self, batch: Transcriber) -> None:
        sounds = [self.first, Sound(b"", self.first.rate), self.second, self.first]
        heard = await batch.transcribe(sounds, LANGUAGE)
        assert len(heard) == 4
        assert heard[0] == heard[3] != heard[2]
        assert heard[1].words == ()
        for hypothesis, sound in zip(heard, sounds, strict=True):
            check_words(hypothesis, sound)
        assert len(heard[0].words) >= 2

    async def test_no_sound_depends_on_its_neighbours(self, batch: Transcriber) -> None:
        noise = Sound(bytes(range(256)) * 100, self.first.rate)
        one = await batch.transcribe([self.second, noise, self.first], LANGUAGE)
        alone = await batch.transcribe([self.first], LANGUAGE)
        assert one[2] == alone[0]

    async def test_no_sounds_no_hypotheses(self, batch: Transcriber) -> None:
        assert await batch.transcribe([], LANGUAGE) == []

    async def test_silence_has_no_words(self, batch: Transcriber) -> None:
        heard = await batch.transcribe([Sound(bytes(self.first.rate * 2), 16_000)], LANGUAGE)
        assert heard[0].words == ()

    async def test_it_says_how_much_it_does_at_once(self, batch: Transcriber) -> None:
        assert batch.parallel >= 1

    async def test_a_closed_engine_transcribes_nothing(self, batch: Transcriber) -> None:
        await batch.aclose()
        await batch.aclose()
        with pytest.raises(EngineFailed):
            await batch.transcribe([self.first], LANGUAGE)
