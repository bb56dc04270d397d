"""What is made of word errors: rates, intervals, and whether a difference is one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twicetold.evaluation import Pass
from twicetold.evaluation.figures import (
    FEWEST_FILES,
    EngineFigures,
    Failure,
    FileFigures,
    compared,
    comparisons,
    normalisers,
)
from twicetold.evaluation.reference import Scored
from twicetold.speech.scoring import Errors, Interval, wer_interval

pytestmark = pytest.mark.unit

counts = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 60)), min_size=10, max_size=30)


def row(name: str, *errors: int, words: int = 100, pass_: Pass = Pass.BATCH) -> EngineFigures:
    figures = EngineFigures(name, pass_)
    for number, wrong in enumerate(errors):
        counted = Errors(wrong, 0, 0, words)
        figures.files.append(FileFigures(f"{number}", "en", 60.0, 6.0, counted, Scored.WHOLE))
    return figures


@settings(max_examples=20, deadline=None)
@given(counts)
def test_the_interval_holds_the_rate_and_the_extremes_hold_the_interval(
    files: list[tuple[int, int]],
) -> None:
    errors = [Errors(wrong, 0, 0, words) for wrong, words in files]
    interval = wer_interval(errors)
    rates = [each.wer for each in errors]
    assert interval.mean == pytest.approx(sum(errors, Errors()).wer)
    assert min(rates) - 1e-9 <= interval.low <= interval.high <= max(rates) + 1e-9
    assert wer_interval(errors) == interval


@settings(max_examples=20, deadline=None)
@given(counts)
def test_engines_that_err_alike_cannot_be_told_apart(files: list[tuple[int, int]]) -> None:
    one, other = row("a"), row("b")
    for each in (one, other):
        for number, (wrong, words) in enumerate(files):
            errors = Errors(wrong, 0, 0, words)
            each.files.append(FileFigures(f"{number}", "en", 1, 1, errors, Scored.WHOLE))
    found = compared(one, other)
    assert found is not None
    assert found.difference == Interval(0.0, 0.0, 0.0)
    assert not found.sure


@settings(max_examples=20, deadline=None)
@given(counts, st.integers(1, 9))
def test_the_order_of_two_engines_changes_the_sign_alone(
    files: list[tuple[int, int]], more: int
) -> None:
    one, other = row("a"), row("b")
    for number, (wrong, words) in enumerate(files):
        for each, added in ((one, 0), (other, more * (number % 3))):
            errors = Errors(wrong + added, 0, 0, words)
            each.files.append(FileFigures(f"{number}", "en", 1, 1, errors, Scored.WHOLE))
    there, back = compared(one, other), compared(other, one)
    assert there is not None
    assert back is not None
    assert there.difference.mean == pytest.approx(-back.difference.mean)
    assert there.difference.low == pytest.approx(-back.difference.high)
    assert there.sure == back.sure
    assert there.sentence() == back.sentence() or not there.sure


def test_a_clear_difference_is_said_in_plain_words() -> None:
    one, other = row("a", *[20, 22, 18, 21] * 3), row("b", *[10, 12, 9, 11] * 3)
    found = compared(one, other)
    assert found is not None
    assert found.sure
    assert found.sentence().startswith("b (batch) is better than a (batch): 9.8 points, 95 % betw")
    low, high = found.difference.low, found.difference.high
    assert f"between {100 * low:.1f} and {100 * high:.1f} (12 files)." in found.sentence()


def test_a_difference_that_may_be_chance_is_called_none() -> None:
    found = compared(row("a", *[10, 20] * 6), row("b", *[20, 11] * 6))
    assert found is not None
    assert "cannot be told apart on these 12 files: 0.5 points" in found.sentence()


def test_a_few_files_prove_nothing() -> None:
    one, other = row("a", *[50] * (FEWEST_FILES - 1)), row("b", *[1] * (FEWEST_FILES - 1))
    found = compared(one, other)
    assert found is not None
    assert not found.sure
    assert "9 files are too few to tell" in found.sentence()
    assert one.interval is None
    single = compared(row("a", 5), row("b", 1))
    assert single is not None
    assert "one file is too few" in single.sentence()


def test_only_files_that_both_heard_are_compared() -> None:
    one, other = row("a", *[10] * 12), row("b", *[10] * 12)
    one.files.append(FileFigures("hard", "en", 1, 1, Errors(500, 0, 0, 500), Scored.WHOLE))
    found = compared(one, other)
    assert found is not None
    assert (found.files, found.difference.mean) == (12, 0.0)
    assert compared(one, row("c")) is None


def test_engines_are_compared_within_a_pass_and_passes_within_an_engine() -> None:
    rows = [row(name, 1, pass_=each) for name in "ab" for each in (Pass.BATCH, Pass.LIVE)]
    pairs = {(each.one, each.other) for each in comparisons(rows)}
    assert pairs == {
        ("a (batch)", "a (live)"),
        ("b (batch)", "b (live)"),
        ("a (batch)", "b (batch)"),
        ("a (live)", "b (live)"),
    }


def test_speed_and_cost_are_of_what_was_heard() -> None:
    figures = row("a", *[1] * 30)
    figures.price = 0.36
    figures.failures.append(Failure("broken", "not_audio", "It is no sound."))
    assert figures.rtfx == 10.0
    assert figures.cost == pytest.approx(0.18)  # half an hour
    body = figures.to_dict()
    assert (body["substitutions"], body["reference_words"]) == (30, 3000)
    assert [each["name"] for each in body["failures"]] == ["broken"]
    assert body["interval"]["low"] == pytest.approx(body["wer"])


def test_nothing_heard_is_no_rate() -> None:
    nothing = row("a")
    assert (nothing.wer, nothing.rtfx, nothing.interval, nothing.cost) == (None,) * 4
    silent = row("a", *[0] * 12, words=0)
    assert (silent.wer, silent.interval) == (None, None)
    assert not math.isnan(silent.errors.wer)


def test_normalisers_are_named_by_language() -> None:
    both = row("a", 1)
    both.files.append(FileFigures("de", "de", 1, 1, Errors(0, 0, 0, 1), Scored.WHOLE))
    assert normalisers([both]) == ["whisper-basic-marks", "whisper-english"]
