"""What every store that coordinates consumers must do: who lives, who holds what, how far all are.
A store's test class inherits it and gives one fixture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from twicetold.broker import Coordination

OpenCoordination = Callable[[], AbstractAsyncContextManager[Coordination]]
LONG_S = 600.0
LIVE = "live"


class CoordinationContract:
    @pytest.fixture
    def open_coordination(self) -> OpenCoordination:
        """Opens a new, empty store each time; leaving the context closes it."""
        raise NotImplementedError

    @pytest.fixture
    async def store(self, open_coordination: OpenCoordination):  # type: ignore[no-untyped-def]
        async with open_coordination() as store:
            yield store

    async def test_the_first_member_holds_what_it_wants(self, store: Coordination) -> None:
        assert await store.beat(LIVE, "a", LONG_S, ["audio-0", "audio-1"]) == (
            ["a"],
            {"audio-0", "audio-1"},
        )
        assert await store.beat(LIVE, "b", LONG_S, []) == (["a", "b"], set())

    async def test_what_is_held_is_nobody_elses(self, store: Coordination) -> None:
        await store.beat(LIVE, "a", LONG_S, ["0", "1"])
        assert await store.beat(LIVE, "b", LONG_S, ["1", "2"]) == (["a", "b"], {"2"})
        assert await store.beat(LIVE, "a", LONG_S, ["0", "1", "2"]) == (["a", "b"], {"0", "1"})

    async def test_groups_do_not_see_each_other(self, store: Coordination) -> None:
        await store.beat(LIVE, "a", LONG_S, ["0"])
        assert await store.beat("record", "b", LONG_S, ["0"]) == (["b"], {"0"})
        await store.advance("record", {"0": 7})
        assert await store.positions(LIVE) == {}
        await store.leave("record", "a")
        assert await store.beat(LIVE, "c", LONG_S, ["0"]) == (["a", "c"], set())

    async def test_one_of_many_rivals_gets_a_partition(self, store: Coordination) -> None:
        names = [f"member-{number}" for number in range(12)]
        wanted = [str(number) for number in range(5)]
        answers = await asyncio.gather(
            *(
                store.beat(LIVE, name, LONG_S, wanted[at % 5 :] + wanted)
                for at, name in enumerate(names)
            )
        )
        held = [partition for _, holds in answers for partition in holds]
        assert sorted(held) == wanted
        assert (await store.beat(LIVE, "member-0", LONG_S, []))[0] == sorted(names)

    async def test_yield_up_hands_over_at_once(self, store: Coordination) -> None:
        await store.beat(LIVE, "a", LONG_S, ["0", "1"])
        await store.yield_up(LIVE, "a", ["0", "unknown"])
        await store.yield_up(LIVE, "a", [])
        await store.yield_up(LIVE, "b", ["1"])  # not its own
        assert await store.beat(LIVE, "b", LONG_S, ["0", "1"]) == (["a", "b"], {"0"})
        assert await store.beat(LIVE, "a", LONG_S, ["0", "1"]) == (["a", "b"], {"1"})

    async def test_who_leaves_holds_nothing(self, store: Coordination) -> None:
        await store.beat(LIVE, "a", LONG_S, ["0", "1"])
        await store.beat(LIVE, "b", LONG_S, ["2"])
        await store.leave(LIVE, "a")
        await store.leave(LIVE, "nobody")
        assert await store.beat(LIVE, "b", LONG_S, ["0", "1", "2"]) == (["b"], {"0", "1", "2"})

    async def test_who_comes_back_after_its_time_finds_its_partitions_gone(
        self, store: Coordination
    ) -> None:
        await store.beat(LIVE, "a", 0.3, ["0", "1"])
        assert (await store.beat(LIVE, "b", LONG_S, ["0", "1"]))[1] == set()
        await asyncio.sleep(0.35)
        assert await store.beat(LIVE, "b", LONG_S, ["0"]) == (["b"], {"0"})
        assert await store.beat(LIVE, "a", LONG_S, ["0", "1"]) == (["a", "b"], {"1"})

    async def test_a_beat_renews_what_is_still_wanted_and_no_more(
        self, store: Coordination
    ) -> None:
        await store.beat(LIVE, "a", 0.3, ["0", "1"])
        await store.beat(LIVE, "a", LONG_S, ["0"])
        await asyncio.sleep(0.35)
        assert await store.beat(LIVE, "b", LONG_S, ["0", "1"]) == (["a", "b"], {"1"})

    async def test_positions_only_move_up(self, store: Coordination) -> None:
        assert await store.positions(LIVE) == {}
        await store.advance(LIVE, {"0": 5, "1": 0})
        await store.advance(LIVE, {"0": 3, "1": 2**52, "2": 9})
        await store.advance(LIVE, {})
        assert await store.positions(LIVE) == {"0": 5, "1": 2**52, "2": 9}
        await store.advance(LIVE, {"0": 10})  # by number, not by text
        await store.advance(LIVE, {"0": 9})
        assert (await store.positions(LIVE))["0"] == 10
        await store.leave(LIVE, "a")
        assert (await store.positions(LIVE))["0"] == 10

    async def test_names_are_taken_as_they_are(self, store: Coordination) -> None:
        member, partition = "host 7:8 é", "audio, 1 %^$.*"
        assert await store.beat(LIVE, member, LONG_S, [partition]) == ([member], {partition})
        assert await store.beat(LIVE, "host", LONG_S, [partition]) == (["host", member], set())
        await store.advance(LIVE, {partition: 4})
        assert await store.positions(LIVE) == {partition: 4}

    def test_rivals_share_as_a_dict_would(self, open_coordination: OpenCoordination) -> None:
        run_state_machine_as_test(
            partial(CoordinationMachine, open_coordination),  # type: ignore[arg-type]
            settings=settings(max_examples=30, stateful_step_count=30, deadline=None),
        )


_MEMBERS = st.sampled_from(["a", "b", "c"])
_PARTITIONS = st.sets(st.sampled_from(["0", "1", "2"]))
_TIMES = st.sampled_from([0.0, LONG_S])


class CoordinationMachine(RuleBasedStateMachine):
    """The store against dicts; a time of 0 has run out as soon as it was given."""

    def __init__(self, open_coordination: OpenCoordination) -> None:
        super().__init__()
        self._open = open_coordination
        self._runner = asyncio.Runner()
        self._living: set[str] = set()
        self._held: dict[str, str] = {}
        self._at: dict[str, int] = {}

    @initialize()
    def open(self) -> None:
        self._context = self._open()
        self._store = self._runner.run(self._context.__aenter__())

    def teardown(self) -> None:
        self._runner.run(self._context.__aexit__(None, None, None))
        self._runner.close()

    @rule(member=_MEMBERS, ttl_s=_TIMES, wanted=_PARTITIONS)
    def beat(self, member: str, ttl_s: float, wanted: set[str]) -> None:
        living, holds = self._runner.run(self._store.beat(LIVE, member, ttl_s, sorted(wanted)))
        self._living.discard(member)
        self._living |= {member} if ttl_s else set()
        assert living == sorted(self._living)
        assert holds == {one for one in wanted if self._held.get(one, member) == member}
        for one in holds:
            self._held.pop(one, None)
            self._held |= {one: member} if ttl_s else {}

    @rule(member=_MEMBERS, partitions=_PARTITIONS)
    def yield_up(self, member: str, partitions: set[str]) -> None:
        self._runner.run(self._store.yield_up(LIVE, member, sorted(partitions)))
        self._forget(member, partitions)

    @rule(member=_MEMBERS)
    def leave(self, member: str) -> None:
        self._runner.run(self._store.leave(LIVE, member))
        self._living.discard(member)
        self._forget(member, set(self._held))

    @rule(moves=st.dictionaries(st.sampled_from(["0", "1"]), st.integers(0, 12)))
    def advance(self, moves: dict[str, int]) -> None:
        self._runner.run(self._store.advance(LIVE, moves))
        self._at |= {one: max(to, self._at.get(one, to)) for one, to in moves.items()}

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "_store"):
            assert self._runner.run(self._store.positions(LIVE)) == self._at

    def _forget(self, member: str, partitions: set[str]) -> None:
        for one in partitions:
            if self._held.get(one) == member:
                del self._held[one]
