"""Draft and canonical side by side: nothing is lost, and what differs is marked."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from twicetold.cli.comparison import marked_words, rows, table_of, words_of
from twicetold.speech.transcript import Segment, Word

pytestmark = pytest.mark.unit


def segment(
    number: int, start: float, text: str, channel: int = 0, *, times: bool = True
) -> Segment:
    texts = text.split()
    words = tuple(
        Word(start + place * 0.5, start + place * 0.5 + 0.4, word)
        for place, word in enumerate(texts)
    )
    return Segment(number, channel, start, start + len(texts) * 0.5, text, words if times else ())


def test_words_that_differ_are_marked() -> None:
    ours, theirs = marked_words(["Hello,", "whirled"], ["hello", "world", "again"])
    assert ours == [("Hello,", False), ("whirled", True)]
    assert theirs == [("hello", False), ("world", True), ("again", True)]


def test_canonical_words_go_beside_the_utterance_they_belong_to() -> None:
    draft = [segment(1, 0.0, "good mourning"), segment(2, 10.0, "by")]
    canonical = [segment(1, 0.0, "good morning"), segment(2, 10.0, "bye")]
    first, second = rows(draft, canonical)
    assert [word.text for word in first.canonical] == ["good", "morning"]
    assert [word.text for word in second.canonical] == ["bye"]
    assert first.marked() == (
        [("good", False), ("mourning", True)],
        [("good", False), ("morning", True)],
    )


def test_one_canonical_segment_may_span_two_utterances() -> None:
    draft = [segment(1, 0.0, "one two"), segment(2, 1.0, "three four")]
    first, second = rows(draft, [segment(1, 0.0, "one two three four")])
    assert [word.text for word in first.canonical] == ["one", "two"]
    assert [word.text for word in second.canonical] == ["three", "four"]


def test_what_only_one_side_heard_has_its_row_too() -> None:
    made = rows([segment(1, 0.0, "noise")], [segment(1, 50.0, "heard later")])
    assert [(len(row.draft), len(row.canonical)) for row in made] == [(1, 0), (0, 2)]
    assert made[1].start == 50.0


def test_channels_do_not_mix() -> None:
    made = rows([segment(1, 0.0, "left", 0)], [segment(1, 0.0, "right", 1)])
    assert [(row.channel, len(row.draft), len(row.canonical)) for row in made] == [
        (0, 1, 0),
        (1, 0, 1),
    ]


def test_words_without_times_are_spread_over_their_segment() -> None:
    words = words_of(segment(1, 2.0, "a b c d", times=False))
    assert [word.text for word in words] == ["a", "b", "c", "d"]
    assert words[0].start == 2.0
    assert words[-1].end == pytest.approx(4.0)


segments = st.lists(
    st.builds(
        segment,
        st.integers(1, 9),
        st.floats(0, 100),
        st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6).map(" ".join),
        st.integers(0, 1),
    ),
    max_size=8,
)


@given(segments, segments)
def test_no_word_is_lost_or_doubled(draft: list[Segment], canonical: list[Segment]) -> None:
    made = rows(draft, canonical)
    for side, given_segments in (("draft", draft), ("canonical", canonical)):
        shown = sorted(word.text for row in made for word in getattr(row, side))
        assert shown == sorted(word for one in given_segments for word in one.text.split())
    assert [row.start for row in made] == sorted(row.start for row in made)


@given(st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")))
def test_unmarked_words_are_the_same_on_both_sides(left: list[str], right: list[str]) -> None:
    ours, theirs = marked_words(left, right)
    assert [word for word, _ in ours] == left
    assert [word for word, _ in theirs] == right
    assert [w for w, differs in ours if not differs] == [w for w, differs in theirs if not differs]


@pytest.mark.parametrize("plain", [True, False])
def test_the_table_shows_both_with_names_and_marks(plain: bool) -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=not plain)
    draft, canonical = [segment(1, 61.0, "hello you", 1)], [segment(1, 61.0, "hello there", 1)]
    console.print(table_of(rows(draft, canonical), {1: "caller"}, plain=plain))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for piece in ("1:01", "caller", "hello", "draft", "canonical"):
        assert piece in text
    assert ("hello *you*" in text) is plain
    assert ("*there*" in text) is plain
    assert ("\x1b[4;31myou" in text) is not plain
