"""Several on their way side by side: what is alike is taken at once, what fails fails alone."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.engines.whisper.steps import Ask, Steps, go_together

pytestmark = pytest.mark.unit


@dataclass(frozen=True, slots=True)
class Double:
    """A step that doubles a number; of one kind where the number of digits is the same."""

    stage: ClassVar[int] = 1
    number: int

    @property
    def kind(self) -> Hashable:
        return len(str(self.number))


class Doubling:
    """Takes asks, notes how many at once, and raises for ``bad`` numbers or ``too_many``."""

    def __init__(self, bad: frozenset[int] = frozenset(), too_many: int = 1_000) -> None:
        self.bad, self.too_many = bad, too_many
        self.taken: list[list[int]] = []

    def __call__(self, asks: Sequence[Ask]) -> list[int]:
        numbers = [ask.number for ask in asks if isinstance(ask, Double)]
        self.taken.append(numbers)
        if len(numbers) > self.too_many or self.bad.intersection(numbers):
            raise ValueError(str(sorted(self.bad.intersection(numbers))))
        return [2 * number for number in numbers]


def doubled(number: int, times: int) -> Steps[int]:
    for _ in range(times):
        number = yield Double(number)
    return number


MANY = st.lists(st.tuples(st.integers(1, 99), st.integers(0, 5)), max_size=12)


@given(MANY, st.integers(1, 5), st.frozensets(st.integers(1, 99), max_size=5), st.integers(1, 9))
def test_each_comes_to_what_it_comes_to_alone(
    many: list[tuple[int, int]], most: int, bad: frozenset[int], too_many: int
) -> None:
    take = Doubling(bad, too_many)
    together = go_together([doubled(*each) for each in many], take, most)
    alone = [go_together([doubled(*each)], Doubling(bad), 1)[0] for each in many]
    assert [str(each) for each in together] == [str(each) for each in alone]
    assert all(len(numbers) <= most for numbers in take.taken)
    assert all(len({len(str(number)) for number in numbers}) == 1 for numbers in take.taken)


def test_what_is_alike_is_taken_at_once_in_its_order() -> None:
    take = Doubling()
    assert go_together([doubled(n, 2) for n in (3, 40, 4, 50, 1)], take, 2) == [12, 160, 16, 200, 4]
    assert take.taken == [[3, 4], [1], [40, 50], [6, 8], [2], [80], [100]]


@dataclass(frozen=True, slots=True)
class Before(Double):
    """A step that comes before the others."""

    stage: ClassVar[int] = 0


def test_who_takes_a_step_more_is_waited_for() -> None:
    def longer(number: int) -> Steps[int]:
        number = yield Before(number)
        return (yield from doubled(number, 1))

    take = Doubling()
    assert go_together([doubled(5, 1), longer(2), doubled(6, 1)], take, 8) == [10, 8, 12]
    assert take.taken == [[2], [5, 4, 6]]


def test_one_may_go_on_after_an_error() -> None:
    def stubborn() -> Steps[int]:
        try:
            answer: int = yield Double(7)
        except ValueError:
            answer = yield Double(8)
        return answer

    assert go_together([stubborn(), doubled(9, 1)], Doubling(frozenset({7})), 4) == [16, 18]


def test_nobody_asks_nothing() -> None:
    assert go_together([], Doubling(), 4) == []
    assert go_together([doubled(5, 0)], Doubling(), 4) == [5]
