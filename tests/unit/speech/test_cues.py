"""Which words stand together, and where lines break."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twicetold.speech.cues import LONGEST_S, WIDTH, Lines, lay_out, timed_words
from twicetold.speech.transcript import Segment, Word

pytestmark = pytest.mark.unit

tokens = st.lists(
    st.builds(
        lambda letter, length, mark: letter * length + mark,
        st.sampled_from("aioxyz"),
        st.integers(1, 12) | st.integers(13, 60),
        st.sampled_from(["", "", "", "", ",", ".", "?"]),
    ),
    max_size=40,
)


@st.composite
def spoken(draw: st.DrawFn) -> Segment:
    """A segment whose words follow each other, some with pauses, some without length."""
    texts = draw(tokens)
    now = start = draw(st.floats(0, 1000))
    words = []
    for text in texts:
        begins = now + draw(st.sampled_from([0.0, 0.0, 0.05, 0.5, 2.0]))
        now = begins + draw(st.sampled_from([0.0, 0.2, 0.4, 1.0, 8.0]))
        words.append(Word(begins, now, text))
    end = now + draw(st.sampled_from([0.0, 0.3]))
    return Segment(1, 0, start, end, " ".join(texts), tuple(words))


def say(text: str, *, start: float = 0.0, word_s: float = 0.3) -> Segment:
    words = tuple(
        Word(start + word_s * index, start + word_s * (index + 0.9), word)
        for index, word in enumerate(text.split())
    )
    end = words[-1].end if words else start
    return Segment(1, 0, start, end, text, words)


def lines(segment: Segment, label_width: int = 0) -> list[tuple[str, ...]]:
    return [cue.lines for cue in lay_out(segment, label_width)]


def test_what_fits_on_one_line_stays_on_one() -> None:
    assert lines(say("Thank you for calling, how can I help?")) == [
        ("Thank you for calling, how can I help?",)
    ]


def test_lines_break_at_phrase_ends_and_are_balanced() -> None:
    assert lines(say("Good morning, thank you for calling Northwind support today.")) == [
        ("Good morning, thank you for calling", "Northwind support today.")
    ]
    assert lines(say("I sent it to the address on your page, but nobody answered.")) == [
        ("I sent it to the address on your page,", "but nobody answered.")
    ]


def test_cues_break_between_sentences() -> None:
    told = "Thank you for calling Northwind support. My name is Sarah and I will help you today."
    assert [" ".join(cue) for cue in lines(say(told))] == [
        "Thank you for calling Northwind support.",
        "My name is Sarah and I will help you today.",
    ]


def test_no_last_word_is_left_alone() -> None:
    told = "It does not heat up any more although the light is on and the pump runs as always yes"
    cues = lines(say(told))
    assert len(cues) == 2
    assert all(len(line.split()) > 1 for cue in cues for line in cue)


def test_a_sentence_of_one_word_may_stand_alone() -> None:
    segment = Segment(
        1, 0, 0.0, 9.0, "Yes. It does.",
        (Word(0.0, 0.4, "Yes."), Word(8.0, 8.3, "It"), Word(8.3, 9.0, "does.")),
    )  # fmt: skip
    assert lines(segment) == [("Yes.",), ("It does.",)]


def test_a_long_pause_divides() -> None:
    segment = Segment(
        1, 0, 0.0, 6.0, "wait for me then I come along",
        tuple(
            Word(start, start + 0.3, word)
            for start, word in zip([0.0, 0.3, 0.6, 4.0, 4.3, 4.6, 4.9],
                                   ["wait", "for", "me", "then", "I", "come", "along"], strict=True)
        ),
    )  # fmt: skip
    assert lines(segment) == [("wait for me",), ("then I come along",)]


def test_a_label_takes_its_room_on_the_first_line() -> None:
    told = "one two three four five six seven eight nine ten eleven twelve"
    for cue in lines(say(told), label_width=20):
        assert len(cue[0]) <= WIDTH - 20


def test_a_word_longer_than_a_line_is_kept_whole() -> None:
    long = "x" * 60
    assert lines(say(f"this is {long} I think")) == [("this is",), (long, "I think")]


def test_a_segment_without_words_has_no_cues() -> None:
    assert lay_out(Segment(1, 0, 0.0, 5.0, "")) == []
    assert lay_out(Segment(1, 0, 0.0, 5.0, "  \n ", failed=True)) == []


def test_words_without_times_share_the_segment() -> None:
    words = timed_words(Segment(1, 0, 10.0, 14.0, "abc abcdefghijk"))
    assert [(word.start, word.end) for word in words] == [(10.0, 11.0), (11.0, 14.0)]
    untimed = (Word(10.0, 10.0, "abc"), Word(10.0, 10.0, "abcdefghijk"))
    assert timed_words(Segment(1, 0, 10.0, 14.0, "abc abcdefghijk", untimed)) == words


def test_the_text_says_which_words_there_are() -> None:
    heard = (Word(0.0, 1.0, "four"), Word(1.0, 2.0, "one"), Word(2.0, 3.0, "one"))
    redacted = Segment(1, 0, 0.0, 3.0, "[number] please", heard)
    assert [word.text for word in timed_words(redacted)] == ["[number]", "please"]
    cased = Segment(1, 0, 0.0, 3.0, "Four, one, one.", heard)
    assert timed_words(cased)[1] == Word(1.0, 2.0, "one,")


@given(spoken())
@settings(deadline=None)
def test_times_run_forward_within_the_segment(segment: Segment) -> None:
    words = timed_words(segment)
    assert [word.text for word in words] == segment.text.split()
    for word in words:
        assert segment.start <= word.start <= word.end <= segment.end
    for word, after in pairwise(words):
        assert word.end <= after.start


@given(spoken(), st.floats(-5, 5), st.floats(-5, 5))
@settings(deadline=None)
def test_times_that_disagree_with_the_segment_are_mended(
    segment: Segment, start: float, length: float
) -> None:
    swapped = (*segment.words[:1], *segment.words[1:-1][::-1], *segment.words[1:][-1:])
    muddled = tuple(
        replace(word, start=other.start, end=other.end)
        for word, other in zip(segment.words, swapped, strict=True)
    )
    odd = Segment(1, 0, segment.start + start, segment.start + length, segment.text, muddled)
    words = timed_words(odd)
    assert [word.text for word in words] == segment.text.split()
    for word, after in pairwise(words):
        assert odd.start <= word.start <= word.end <= after.start <= max(odd.start, odd.end)


@given(spoken(), st.integers(0, 18))
@settings(deadline=None)
def test_every_word_comes_out_once_in_order(segment: Segment, label_width: int) -> None:
    cues = lay_out(segment, label_width)
    assert [word for cue in cues for line in cue.lines for word in line.split()] == (
        segment.text.split()
    )


@given(spoken(), st.integers(0, 18))
@settings(deadline=None)
def test_cues_have_two_lines_of_42_and_7_seconds(segment: Segment, label_width: int) -> None:
    for cue in lay_out(segment, label_width):
        assert 1 <= len(cue.lines) <= 2
        for line, width in zip(cue.lines, (WIDTH - label_width, WIDTH), strict=False):
            assert len(line) <= width or " " not in line
        assert cue.end - cue.start <= LONGEST_S or " ".join(cue.lines).count(" ") == 0


@given(spoken())
@settings(deadline=None)
def test_a_word_stands_alone_only_where_it_must(segment: Segment) -> None:
    """Compared with the fewest lone words that any division at all can have."""
    assert sum(map(_is_alone, _with_places(lay_out(segment)))) == _fewest_alone(segment)


def _with_places(cues: list[Lines]) -> list[tuple[list[str], str | None, bool]]:
    """Each cue's words, the word before it, and whether it is the segment's last."""
    found: list[tuple[list[str], str | None, bool]] = []
    before: str | None = None
    for index, cue in enumerate(cues):
        words = " ".join(cue.lines).split()
        found.append((words, before, index == len(cues) - 1))
        before = words[-1]
    return found


def _is_alone(cue: tuple[list[str], str | None, bool]) -> bool:
    words, before, is_last = cue
    is_sentence = (before is None or before[-1] in ".?") and (is_last or words[0][-1] in ".?")
    return len(words) == 1 and not is_sentence


def _fewest_alone(segment: Segment) -> int:
    words = timed_words(segment)
    fewest = [0] + [10**9] * len(words)
    for last in range(len(words)):
        for first in range(last + 1):
            chosen = [word.text for word in words[first : last + 1]]
            too_long = words[last].end - words[first].start > LONGEST_S
            if first < last and (too_long or not _fits_two_lines(chosen)):
                continue
            before = words[first - 1].text if first else None
            alone = _is_alone((chosen, before, last == len(words) - 1))
            fewest[last + 1] = min(fewest[last + 1], fewest[first] + alone)
    return fewest[-1]


def _fits_two_lines(words: list[str]) -> bool:
    def fits(line: list[str]) -> bool:
        return len(line) <= 1 or len(" ".join(line)) <= WIDTH

    return any(fits(words[:cut]) and fits(words[cut:]) for cut in range(1, len(words) + 1))


@given(spoken())
@settings(deadline=None)
def test_a_last_line_of_one_word_has_no_better_break(segment: Segment) -> None:
    for cue in lay_out(segment):
        words = " ".join(cue.lines).split()
        if len(cue.lines) == 2 and len(cue.lines[1].split()) == 1:
            for cut in range(1, len(words) - 1):
                upper, lower = " ".join(words[:cut]), " ".join(words[cut:])
                assert len(lower) > WIDTH or (len(upper) > WIDTH and cut > 1)
