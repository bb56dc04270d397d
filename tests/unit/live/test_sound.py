"""A stretch of sound in pieces gives back what one long array would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.live.sound import SoundBuffer

pytestmark = pytest.mark.unit


def filled(sizes: list[int], first: int) -> tuple[SoundBuffer, bytes]:
    target = SoundBuffer(first)
    whole = b"".join(number.to_bytes(2, "little") for number in range(sum(sizes)))
    at = 0
    for size in sizes:
        target.append(whole[2 * at : 2 * (at + size)])
        at += size
    return target, whole


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(0, 50), st.data())
def test_any_stretch_that_is_held_comes_back(
    sizes: list[int], first: int, data: st.DataObject
) -> None:
    target, whole = filled(sizes, first)
    assert target.end == first + sum(sizes)
    before = data.draw(st.integers(first, target.end))
    target.forget(before)
    assert first <= target.start <= before
    start = data.draw(st.integers(target.start, target.end))
    end = data.draw(st.integers(start, target.end))
    assert target.between(start, end) == whole[2 * (start - first) : 2 * (end - first)]


def test_what_lies_before_goes_by_whole_pieces() -> None:
    target, _ = filled([4, 4, 4], 100)
    target.forget(107)
    assert target.start == 104
    target.forget(112)
    assert target.start == target.end == 112


def test_the_last_piece_is_handed_out_as_it_is() -> None:
    target = SoundBuffer(0)
    pcm = bytes(20)
    target.append(bytes(6))
    target.append(pcm)
    assert target.between(3, 13) is pcm
