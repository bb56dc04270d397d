"""Who steps in for an engine that fails, and how it comes back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from twicetold.choice.chain import Chain, Member
from twicetold.choice.health import Health
from twicetold.engines import EngineInfo
from twicetold.errors import EngineFailed, EngineNotAllowed

pytestmark = pytest.mark.unit


@dataclass(frozen=True)
class Named:
    """A test double: an engine by its name alone."""

    name: str

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(self.name, "", ("*",), live=True, batch=True, word_times=True)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def chain_of(clock: Clock, *names: str) -> tuple[Chain[Named], list[Member[Named]]]:
    members = [Member(Named(name), Health(clock)) for name in names]
    return Chain(lambda: members), members


def test_each_engine_has_two_tries_at_an_utterance() -> None:
    chain, _ = chain_of(Clock(), "a", "b")
    assert [chain.pick(attempt).label for attempt in (1, 2, 3, 4, 5)] == ["a", "a", "b", "b", "b"]
    assert chain.attempts(3) == 4
    assert Chain.of(Named("a")).attempts(3) == 3


def test_a_poisonous_utterance_speaks_for_itself_alone() -> None:
    chain, (a, _) = chain_of(Clock(), "a", "b")
    for _ in range(5):
        a.health.failed("utterance 1")
    assert chain.pick().label == "a"
    assert not a.health.out


def test_an_engine_that_fails_several_is_out_and_one_utterance_tries_it_again() -> None:
    clock = Clock()
    chain, (a, _) = chain_of(clock, "a", "b")
    a.health.failed("utterance 1")
    a.health.failed("utterance 2")
    assert a.health.out
    assert chain.pick().label == "b"
    clock.now = 5.0
    assert chain.pick().label == "a"  # the try
    assert chain.pick().label == "b"  # nobody else, until it is known what came of it
    a.health.worked()
    assert not a.health.out
    assert chain.pick().label == "a"


def test_each_try_that_fails_makes_the_rest_longer_up_to_five_minutes() -> None:
    clock, health = Clock(), Health()
    health = Health(clock)
    health.failed(1)
    health.failed(2)
    rests = []
    for number in range(10):
        began = clock.now
        while not health.fit():
            clock.now += 1.0
        rests.append(clock.now - began)
        health.failed(("try", number))
    assert rests[:4] == [5.0, 10.0, 20.0, 40.0]
    assert rests[-1] == 300.0
    assert health.failures == 12


def test_success_between_failures_keeps_an_engine_in() -> None:
    health = Health(Clock())
    for number in range(20):
        health.failed(number)
        health.worked()
    assert not health.out
    assert health.served == 20


def test_where_all_are_out_the_first_goes_on() -> None:
    chain, members = chain_of(Clock(), "a", "b")
    for member in members:
        member.health.failed(1)
        member.health.failed(2)
    assert chain.pick().label == "a"


def test_a_chain_of_nobody_is_an_engine_that_failed() -> None:
    with pytest.raises(EngineFailed, match="No engine is open"):
        Chain[Named](list).pick()


def test_an_utterance_has_its_attempts_though_its_engines_are_withdrawn() -> None:
    def withdrawn() -> list[Member[Named]]:
        raise EngineNotAllowed("cloud")

    assert Chain(withdrawn).attempts(3) == 3
