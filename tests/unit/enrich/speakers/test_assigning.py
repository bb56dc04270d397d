"""Words get speakers: none is lost, doubled or moved; segments end where the speaker changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.enrich.speakers import assign, by_channel, by_engine
from twicetold.speech.transcript import Segment, Word
from twicetold.speech.turns import Turn

pytestmark = pytest.mark.unit

TIMES = st.integers(0, 200).map(lambda tenth: tenth / 10)


@st.composite
def some_turns(draw: st.DrawFn) -> list[Turn]:
    drawn = draw(st.lists(st.tuples(TIMES, TIMES, st.sampled_from("123")), max_size=10))
    return [Turn(min(a, b), max(a, b), name) for a, b, name in drawn]


@st.composite
def some_segments(draw: st.DrawFn) -> list[Segment]:
    segments, at = [], 0.0
    for number in range(1, draw(st.integers(0, 4)) + 1):
        words, start = [], at
        for _ in range(draw(st.integers(0, 6))):
            begin = at + draw(st.integers(0, 10)) / 10
            at = begin + draw(st.integers(0, 10)) / 10
            probability = draw(st.none() | st.floats(0, 1))
            speaker = draw(st.sampled_from(["", "S0", "S1"]))
            text = draw(st.sampled_from(["one", "two", "on", "Ünö,", "四"]))
            words.append(Word(begin, at, text, probability, speaker=speaker))
        at += 0.5
        joint = draw(st.sampled_from([" ", "", " - "]))
        text = joint.join(word.text for word in words) or "nothing"
        channel = draw(st.integers(0, 1))
        segments.append(Segment(number, channel, start, at, text, tuple(words), safe=True))
    return segments


def letters(segments: object) -> str:
    return "".join("".join(s.text.split()) for s in segments)  # type: ignore[attr-defined]


def checked(before: list[Segment], after: tuple[Segment, ...]) -> None:
    assert [w for s in after for w in s.words] == [w for s in before for w in s.words]
    assert [s.number for s in after] == list(range(1, len(after) + 1))
    assert [s.start for s in after] == sorted(s.start for s in after)
    assert letters(after) == letters(before)
    assert all(s.safe for s in after)
    for part in after:
        told = [w.probability for w in part.words if w.probability is not None]
        if told and len(after) > len(before):
            assert part.probability is None or 0 <= part.probability <= 1


@given(some_segments(), some_turns())
def test_no_word_is_lost_doubled_or_moved(segments: list[Segment], turns: list[Turn]):
    after = assign(segments, turns)
    checked(segments, after)
    assert all((s.speaker is not None) == bool(turns) for s in after)


@given(some_segments())
def test_nor_by_the_engines_speakers(segments: list[Segment]):
    checked(segments, by_engine(segments))


@given(some_segments(), some_turns())
def test_words_go_to_who_shares_most_time_with_them(segments: list[Segment], turns: list[Turn]):
    def shared(word: Word, speaker: str | None) -> float:
        own = [turn for turn in turns if turn.speaker == speaker]
        return sum(max(0.0, min(word.end, t.end) - max(word.start, t.start)) for t in own)

    for segment in assign(segments, turns) if turns else ():
        for word in segment.words:
            most = max(shared(word, name) for name in "123")
            assert shared(word, segment.speaker) == pytest.approx(most)


@given(some_segments(), some_turns())
def test_assigning_again_changes_nothing(segments: list[Segment], turns: list[Turn]):
    once = assign(segments, turns)
    assert assign(once, turns) == once


def said(*words: tuple[float, float, str], text: str = "", **more: object) -> Segment:
    spoken = tuple(Word(start, end, each, 0.5) for start, end, each in words)
    text = text or " ".join(word.text for word in spoken)
    return Segment(1, 0, spoken[0].start - 0.1, spoken[-1].end + 0.1, text, spoken, **more)  # type: ignore[arg-type]


def test_a_segment_is_split_where_the_speaker_changes_and_keeps_its_own_text():
    segment = said((0, 1, "hello"), (1, 2, "there"), (2.2, 3, "hi"), text="Hello there. Hi!")
    segment = replace(segment, text="hello there. hi!", probability=0.9)
    first, second = assign([segment], [Turn(0, 2.1, "1"), Turn(2.1, 4, "2")])
    assert (first.speaker, first.text, first.number, first.start, first.end) == (
        "1", "hello there.", 1, -0.1, 2,
    )  # fmt: skip
    assert (second.speaker, second.text, second.number, second.start) == ("2", "hi!", 2, 2.2)
    assert second.end == 3.1
    assert first.probability == second.probability == 0.5


def test_a_turn_that_cuts_a_word_does_not_split_it():
    turns = [Turn(0, 1.4, "1"), Turn(1.4, 3, "2")]
    parts = assign([said((0, 1, "a"), (1, 2, "long"), (2, 3, "b"))], turns)
    assert [(p.speaker, p.text) for p in parts] == [("1", "a"), ("2", "long b")]


def test_words_within_talk_of_two_stay_with_who_was_speaking():
    turns = [Turn(0, 5, "1"), Turn(3, 8, "2")]
    words = [(at, at + 0.9, f"w{at}") for at in range(8)]
    parts = assign([said(*words)], turns)
    assert [(p.speaker, len(p.words)) for p in parts] == [("1", 5), ("2", 3)]


def test_a_word_between_turns_goes_to_the_nearest():
    turns = [Turn(0, 10, "1"), Turn(1, 2, "2"), Turn(20, 21, "3")]
    assert assign([said((12, 13, "um"))], turns)[0].speaker == "1"
    assert assign([said((17, 18, "um"))], turns)[0].speaker == "3"
    assert assign([said((30, 31, "um"))], turns)[0].speaker == "3"


def test_a_segment_without_words_goes_to_who_shares_most_of_it():
    segment = Segment(4, 0, 0.0, 10.0, "all of it")
    (found,) = assign([segment], [Turn(0, 4, "1"), Turn(4, 9, "2")])
    assert (found.speaker, found.number, found.text) == ("2", 1, "all of it")


def test_other_channels_keep_their_speakers():
    other = Segment(1, 1, 0.0, 1.0, "x", speaker="2")
    found = assign([other, Segment(2, 0, 0.5, 1.0, "y")], [Turn(0, 1, "1")], channel=0)
    assert [segment.speaker for segment in found] == ["2", "1"]


def test_channels_are_speakers():
    both = [Segment(1, 0, 0.0, 1.0, "x"), Segment(2, 1, 0.5, 1.0, "y")]
    assert [segment.speaker for segment in by_channel(both)] == ["1", "2"]
    assert [segment.speaker for segment in by_channel(both, {1: "7"})] == ["1", "7"]


def test_the_engines_speakers_are_used_as_they_are():
    words = [("a", ""), ("b", "spk1"), ("c", ""), ("d", "spk0"), ("e", "spk1")]
    spoken = tuple(Word(i, i + 1, text, speaker=who) for i, (text, who) in enumerate(words))
    segment = Segment(1, 0, 0.0, 5.0, "a b c d e", spoken)
    found = by_engine([segment])
    assert [(part.speaker, part.text) for part in found] == [("1", "a b c"), ("2", "d"), ("1", "e")]
    plain = Segment(1, 0, 0.0, 1.0, "a", (Word(0, 1, "a"),))
    assert by_engine([plain]) == (plain,)
