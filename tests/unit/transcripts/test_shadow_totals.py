"""Shadows of many calls, added up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.speech.identity import CallKey
from twicetold.transcripts import Shadow
from twicetold.transcripts.agreement import differences
from twicetold.transcripts.shadow_totals import FEWEST_CALLS, added_up, errors_of

pytestmark = pytest.mark.unit

PLAIN = Shadow(
    key=CallKey("acme", "call"),
    engine="new",
    canonical_engine="old",
    revision="r1",
    language="en",
    normaliser="whisper-english",
    words=100,
    canonical_words=100,
    substitutions=0,
    insertions=0,
    deletions=0,
    audio_s=60.0,
    compute_s=6.0,
    made_at=1.0,
)

figures = st.lists(
    st.builds(
        lambda name, s, i, d, words: replace(
            PLAIN,
            key=CallKey("acme", name),
            substitutions=s,
            insertions=i,
            deletions=d,
            canonical_words=s + d + words,
            words=s + i + words,
        ),
        st.text("abc", min_size=1, max_size=6),
        st.integers(0, 50),
        st.integers(0, 50),
        st.integers(0, 50),
        st.integers(0, 200),
    ),
    min_size=1,
    max_size=20,
)


@given(figures)
def test_the_sum_is_over_all_words_and_lies_within_its_bounds(shadows: list[Shadow]) -> None:
    [totals] = added_up(shadows)
    assert totals.errors.total == sum(shadow.differences for shadow in shadows)
    assert totals.words == sum(shadow.words for shadow in shadows)
    worst = [shadow.difference for shadow in totals.worst]
    assert worst == sorted(worst, reverse=True)
    assert min(worst) - 1e-9 <= totals.errors.wer or not totals.errors.reference_words
    interval = totals.interval()
    if len(shadows) < FEWEST_CALLS or not totals.errors.reference_words:
        assert interval is None
    else:
        assert interval is not None
        assert interval.low <= interval.high
        assert interval.mean == pytest.approx(totals.errors.wer)


def test_pairs_of_engines_are_apart_and_what_is_stale_is_left_out() -> None:
    shadows = [
        PLAIN,
        replace(PLAIN, substitutions=10),
        replace(PLAIN, engine="newer", insertions=5),
        replace(PLAIN, canonical_engine="older"),
        replace(PLAIN, deletions=99, stale=True),
    ]
    found = added_up(shadows)
    assert [(each.engine, each.canonical_engine, len(each.shadows)) for each in found] == [
        ("new", "old", 2),
        ("newer", "old", 1),
        ("new", "older", 1),
    ]
    first = found[0].to_dict()
    assert (first["difference"], first["substitutions"], first["deletions"]) == (0.05, 10, 0)
    assert (first["audio_s"], first["rtfx"]) == (120.0, 10.0)


def test_drafts_are_held_against_the_shadows_of_the_same_calls() -> None:
    live = replace(PLAIN, pass_="live", substitutions=10)
    shadows = [
        live,
        replace(live, draft_wer=0.2, canonical_words=300),
        replace(live, draft_wer=0.0, substitutions=30),
        PLAIN,
    ]
    found = added_up(shadows)
    assert [(each.pass_, len(each.shadows)) for each in found] == [("live", 3), ("batch", 1)]
    assert found[0].drafted == (pytest.approx(60 / 400), pytest.approx(40 / 400), 2)
    assert found[1].drafted is None


def test_what_took_no_time_has_no_speed() -> None:
    assert replace(PLAIN, compute_s=0.0).rtfx is None
    [totals] = added_up([replace(PLAIN, compute_s=0.0)])
    assert totals.rtfx is None


def test_channels_are_counted_apart_after_the_normaliser() -> None:
    """One word replaced, one more; and a channel that the shadow did not hear at all."""
    canonical = {0: "Good morning, twenty-one colours", 1: "I see"}
    shadow = {0: "good morning 21 colors please", 2: "hello"}
    errors, words = differences(canonical, shadow, "en")
    assert (errors.substitutions, errors.insertions, errors.deletions) == (0, 2, 2)
    assert (errors.reference_words, words) == (6, 6)
    assert errors_of(replace(PLAIN, insertions=2)).insertions == 2
