"""What is known of a call travels packed: whole, in order, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.enrich.steps import Facts, Known, Packed, apply_packed
from twicetold.speech.transcript import Segment, Word

pytestmark = pytest.mark.unit

times = st.floats(0, 40_000).map(lambda at: round(at, 3))
words = st.builds(
    Word,
    times,
    times,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
    st.none() | st.floats(0, 1).map(lambda chance: round(chance, 4)),
    st.sampled_from(["", "phone"]),
    st.sampled_from(["", "S1"]),
)
segments = st.builds(
    Segment,
    number=st.integers(0, 9_000),
    channel=st.integers(0, 1),
    start=times,
    end=times,
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    words=st.lists(words, max_size=6).map(tuple),
    speaker=st.none() | st.sampled_from(["1", "agent"]),
    safe=st.booleans(),
)
INSIGHTS = {"metrics": {"silence_s": 2.5}, "removed": [{"kind": "phone"}]}


@given(st.lists(segments, max_size=12).map(tuple))
def test_what_is_packed_comes_out_the_same(said):
    packed = Packed.from_bytes(Packed.of(Known(said, INSIGHTS)).body)
    assert packed.unpack() == Known(said, INSIGHTS)
    assert packed.insights == INSIGHTS


@given(st.lists(segments, min_size=1, max_size=5).map(tuple), st.data())
def test_a_part_of_it_is_refused(said, data):
    body = Packed.of(Known(said, INSIGHTS)).body
    with pytest.raises((ValueError, KeyError, TypeError)):
        Packed.from_bytes(body[: data.draw(st.integers(0, len(body) - 1))])


async def test_it_is_gathered_a_segment_at_a_time():
    async def stream():
        for number in range(3):
            yield Segment(number, 0, number, number + 1.0, f"number {number}")

    packed = await Packed.gather(stream(), {"a": 1})
    assert [each.text for each in packed.segments()] == ["number 0", "number 1", "number 2"]
    assert packed.insights == {"a": 1}


def test_an_insight_more():
    packed = Packed.of(Known((Segment(0, 0, 0.0, 1.0, "hello"),), {"a": 1}))
    more = Packed.from_bytes(packed.with_insight("b", [2]).body)
    assert more.insights == {"a": 1, "b": [2]}
    assert list(more.segments()) == list(packed.segments())


def test_a_step_is_applied_to_it():
    class Shouts:
        name, closed, settings = "shouts", False, ""

        def apply(self, known: Known, facts: Facts) -> Known:
            assert facts.language == "en"
            return known.with_insight("loud", len(known.segments))

    packed = Packed.of(Known((Segment(0, 0, 0.0, 1.0, "hello"),)))
    assert apply_packed(Shouts(), packed, Facts("en", 1.0, 1)).insights == {"loud": 1}
