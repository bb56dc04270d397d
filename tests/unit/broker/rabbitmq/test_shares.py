from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from twicetold.broker.rabbitmq.shares import by_preference, share_of

pytestmark = pytest.mark.unit

NAMES = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=20, unique=True)


@given(NAMES, st.integers(0, 300))
def test_shares_are_equal_to_one_and_leave_nothing_over(
    members: list[str], partitions: int
) -> None:
    shares = [share_of(member, members, partitions) for member in members]
    assert sum(shares) == partitions
    assert max(shares) - min(shares) <= 1


@given(NAMES, st.integers(0, 300), st.randoms(use_true_random=False))
def test_shares_are_the_same_for_whoever_counts(members: list[str], partitions: int, dice) -> None:  # type: ignore[no-untyped-def]
    shuffled = dice.sample(members, len(members))
    for member in members:
        assert share_of(member, members, partitions) == share_of(member, shuffled, partitions)


@given(NAMES, st.text(max_size=8), st.integers(0, 300))
def test_nobodys_share_grows_when_one_joins(
    members: list[str], newcomer: str, partitions: int
) -> None:
    if newcomer in members:
        return
    for member in members:
        assert share_of(member, [*members, newcomer], partitions) <= share_of(
            member, members, partitions
        )


@given(st.text(max_size=8), NAMES)
def test_preference_orders_all_and_any_part_in_the_same_way(
    member: str, partitions: list[str]
) -> None:
    order = by_preference(member, partitions)
    assert sorted(order) == sorted(partitions)
    assert by_preference(member, partitions[1:]) == [e for e in order if e != partitions[0]]


def test_members_prefer_different_partitions() -> None:
    partitions = [f"audio.{number}" for number in range(12)]
    firsts = {by_preference(f"member {number}", partitions)[0] for number in range(60)}
    assert len(firsts) > 6
