"""Words go back to where they were said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.batch.chunking import Chunk, Region
from twicetold.batch.placing import LONGEST_SEGMENT_S, segments_of
from twicetold.speech.transcript import Hypothesis, Word

pytestmark = pytest.mark.unit

RATE = 1000
# Two seconds of speech from 10 s on, and one from 60 s on, in one chunk.
CHUNK = Chunk(
    number=4,
    channel=1,
    start_sample=10_000,
    pcm=bytes(2 * 3000),
    rate=RATE,
    regions=(Region(10_000, 12_000, 0), Region(60_000, 61_000, 2000)),
)


def test_each_region_with_words_is_a_segment_on_the_recordings_clock():
    heard = Hypothesis(
        (Word(0.5, 1.0, "one", 0.5), Word(1.0, 1.5, "two"), Word(2.25, 2.5, "three"))
    )
    first, second = segments_of(CHUNK, heard)
    assert (first.start, first.end, first.text, first.channel) == (10.5, 11.5, "one two", 1)
    assert first.probability == 0.5
    assert [(word.start, word.end) for word in second.words] == [(60.25, 60.5)]


def test_a_word_that_reaches_over_a_seam_stays_on_its_side():
    [segment] = segments_of(CHUNK, Hypothesis((Word(1.5, 2.2, "seam"),)))
    assert (segment.start, segment.end) == (11.5, 12.0)


def test_a_time_behind_the_chunk_belongs_to_its_end():
    [segment] = segments_of(CHUNK, Hypothesis((Word(2.9, 9.0, "late"),)))
    assert (segment.start, segment.end) == (60.9, 61.0)


def test_no_words_no_segments():
    assert segments_of(CHUNK, Hypothesis()) == []


def test_a_very_long_region_is_parted_at_its_longest_pause():
    words = [Word(float(at), at + 0.5, str(at)) for at in range(50)]
    words = [word.shifted(0.3) if at >= 20 else word for at, word in enumerate(words)]
    chunk = Chunk(0, 0, 0, bytes(2 * 51 * RATE), RATE, (Region(0, 51 * RATE, 0),))
    segments = segments_of(chunk, Hypothesis(tuple(words)))
    assert [segment.words[0].text for segment in segments] == ["0", "20"]
    assert all(segment.end - segment.start <= LONGEST_SEGMENT_S for segment in segments)
    assert [word.text for one in segments for word in one.words] == [str(at) for at in range(50)]


def said(segments):
    return [(segment.speaker, segment.text, segment.start, segment.end) for segment in segments]


def test_a_region_is_parted_where_the_speaker_changes():
    words = [
        Word(0.0, 0.4, "how", speaker="S1"), Word(0.4, 0.8, "much", speaker="S1"),
        Word(0.8, 1.0, "ten", speaker="S2"), Word(1.5, 1.8, "fine", speaker="S1"),
        Word(2.1, 2.4, "bye", speaker="S1"),
    ]  # fmt: skip
    assert said(segments_of(CHUNK, Hypothesis(tuple(words)))) == [
        ("S1", "how much", 10.0, 10.8), ("S2", "ten", 10.8, 11.0), ("S1", "fine", 11.5, 11.8),
        ("S1", "bye", 60.1, 60.4),
    ]  # fmt: skip


def test_talk_over_each_other_stays_in_the_turns_it_was_said_in():
    words = [
        Word(0.0, 0.4, "how", speaker="S1"), Word(0.3, 0.6, "ten", speaker="S2"),
        Word(0.4, 0.8, "much", speaker="S1"), Word(0.6, 0.9, "or", speaker="S2"),
        Word(0.8, 1.1, "then", speaker="S1"), Word(1.5, 1.8, "twenty", speaker="S2"),
    ]  # fmt: skip
    assert said(segments_of(CHUNK, Hypothesis(tuple(words)))) == [
        ("S1", "how much then", 10.0, 11.1), ("S2", "ten or", 10.3, 10.9),
        ("S2", "twenty", 11.5, 11.8),
    ]  # fmt: skip


SPOKEN = st.builds(
    lambda start, length, speaker: Word(start, start + length, "word", speaker=speaker),
    st.floats(0, 40), st.floats(0, 2), st.sampled_from(["S1", "S2", "S3", ""]),
)  # fmt: skip


@given(st.lists(SPOKEN, max_size=40))
def test_whoever_speaks_no_word_is_lost_and_segments_are_in_order(words):
    chunk = Chunk(0, 0, 0, bytes(2 * 45 * RATE), RATE, (Region(0, 45 * RATE, 0),))
    segments = segments_of(chunk, Hypothesis(tuple(words)))
    kept = [word for segment in segments for word in segment.words]
    assert sorted(kept, key=repr) == sorted(words, key=repr)
    assert [one.start for one in segments] == sorted(one.start for one in segments)
    for segment in segments:
        assert {word.speaker or None for word in segment.words} == {segment.speaker}
        starts = [word.start for word in segment.words]
        assert starts == sorted(starts)
