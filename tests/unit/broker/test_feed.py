from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from twicetold.broker import Assigned, Delivery, Revoked
from twicetold.broker import feed as feed_module
from twicetold.broker.feed import Feed
from twicetold.errors import Unavailable
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit

KEY = CallKey("tenant", "call")
NAMES = ("a", "b", "c")
BATCH_BYTES, FULL_BYTES, ROOM_AGAIN_BYTES = 100, 300, 120
OLDEST = 7  # position of the first message there is


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "_BATCH_BYTES", BATCH_BYTES)
    monkeypatch.setattr(feed_module, "_FULL_BYTES", FULL_BYTES)
    monkeypatch.setattr(feed_module, "_ROOM_AGAIN_BYTES", ROOM_AGAIN_BYTES)


def delivery(partition: str, position: int, size: int = 10) -> Delivery:
    return Delivery(partition, position, KEY, b"x" * size)


def at_once(feed: Feed) -> list[Delivery | Assigned | Revoked]:
    """What is there; nobody waits."""
    try:
        feed.receive().send(None)
    except StopIteration as done:
        found: list[Delivery | Assigned | Revoked] = done.value
        return found
    raise AssertionError("expected something to receive but it would wait")


@dataclass
class Stay:
    """What a stay of a partition must come to."""

    number: int
    start: int | None
    fetched: int  # next position that the adapter fetches
    paused: bool = False
    told: bool = False  # its Assigned was received
    received: list[int] = field(default_factory=list)
    unreleased: set[int] = field(default_factory=set)

    @property
    def first(self) -> int:
        return OLDEST if self.start is None else self.start

    @property
    def next(self) -> int:
        """What the reader receives next of it."""
        return self.received[-1] + 1 if self.received else self.first

    @property
    def position(self) -> int | None:
        if self.unreleased:
            return min(self.unreleased)
        return self.received[-1] + 1 if self.received else self.start


class Feeding(RuleBasedStateMachine):
    """An adapter and a reader of one feed, against the simplest account of it."""

    @initialize()
    def begin(self) -> None:
        self.rooms = 0
        self.feed = Feed(moved=lambda: None, has_room=self.room)
        self.stays: dict[str, Stay] = {}
        self.revoked: dict[str, list[Stay]] = {name: [] for name in NAMES}  # not told yet
        self.old_numbers = [0]
        self.seen: list[Delivery] = []

    def room(self) -> None:
        assert not self.feed.full
        self.rooms += 1

    # --- the adapter ---------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES), start=st.none() | st.integers(OLDEST, 20))
    def assign(self, name: str, start: int | None) -> None:
        if name not in self.stays:
            number = self.feed.number()
            self.feed.assign(name, number, start)
            self.stays[name] = Stay(number, start, OLDEST if start is None else start)

    @rule(name=st.sampled_from(NAMES))
    def revoke(self, name: str) -> None:
        self.feed.revoke(name)
        self.end(name)

    def end(self, name: str) -> None:
        if (stay := self.stays.pop(name, None)) is not None:
            self.old_numbers.append(stay.number)
            self.revoked[name].append(stay)

    @rule(name=st.sampled_from(NAMES), count=st.integers(1, 9), size=st.integers(0, 60))
    def put(self, name: str, count: int, size: int) -> None:
        if (stay := self.stays.get(name)) is not None:
            positions = range(stay.fetched, stay.fetched + count)
            self.feed.put(stay.number, [delivery(name, at, size) for at in positions])
            stay.fetched += count

    @rule(name=st.sampled_from(NAMES), which=st.integers(0, 20))
    def put_late(self, name: str, which: int) -> None:
        """Of a stay that has ended: it changes nothing."""
        number = self.old_numbers[which % len(self.old_numbers)]
        self.feed.put(number, [delivery(name, OLDEST + which)])

    @rule(name=st.sampled_from(NAMES))
    def restart(self, name: str) -> None:
        begun = self.feed.restart(name)
        if (stay := self.stays.get(name)) is None:
            assert begun is None
            return
        self.end(name)
        assert begun is not None
        number, position = begun
        if stay.position is not None:
            assert position == stay.position
        else:  # begin with what was fetched first, if anything was
            assert position == (stay.first if stay.fetched > stay.first else None)
        self.stays[name] = Stay(number, position, stay.first if position is None else position)

    # --- the reader ------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES))
    def pause(self, name: str) -> None:
        stay = self.stays.get(name)
        assert self.feed.pause(name) == (stay is not None and not stay.paused)
        if stay is not None:
            stay.paused = True

    @rule(name=st.sampled_from(NAMES))
    def resume(self, name: str) -> None:
        stay = self.stays.get(name)
        assert self.feed.resume(name) == (stay is not None and stay.paused)
        if stay is not None:
            stay.paused = False

    @precondition(lambda self: self.waiting())
    @rule()
    def receive(self) -> None:
        batch = at_once(self.feed)
        assert batch
        sizes = [len(item.value) for item in batch if isinstance(item, Delivery)]
        assert sum(sizes[:-1]) < BATCH_BYTES
        for item in batch:
            if isinstance(item, Revoked):
                self.revoked[item.partition].pop(0)
            elif isinstance(item, Assigned):
                self.current(item.partition).told = True
            else:
                self.take(item)

    def take(self, item: Delivery) -> None:
        stay = self.stays[item.partition]  # of a stay that is over nothing comes any more
        assert not self.revoked[item.partition]
        assert stay.told
        assert not stay.paused
        assert item.position == stay.next
        assert item.position < stay.fetched
        stay.received.append(item.position)
        stay.unreleased.add(item.position)
        self.seen.append(item)

    def current(self, name: str) -> Stay:
        """The stay that was assigned first among those whose end was not told."""
        return next(iter(self.revoked[name]), None) or self.stays[name]

    @precondition(lambda self: self.seen)
    @rule(which=st.integers(0, 10_000))
    def release(self, which: int) -> None:
        """Anything that was handed out, perhaps again, perhaps of a stay that is over."""
        item = self.seen[which % len(self.seen)]
        self.feed.release(item)
        if item.partition in self.stays:
            self.stays[item.partition].unreleased.discard(item.position)

    # --- what holds at any time --------------------------------------------------------

    def waiting(self) -> bool:
        """Whether there is something to receive."""
        stays = self.stays.values()
        return any(self.revoked.values()) or any(
            not stay.told or (not stay.paused and stay.fetched > stay.next) for stay in stays
        )

    @invariant()
    def positions_are_the_lowest_unreleased(self) -> None:
        expected = {name: stay.position for name, stay in self.stays.items()}
        assert self.feed.positions() == {n: p for n, p in expected.items() if p is not None}
        assert sorted(self.feed.partitions) == sorted(self.stays)

    def teardown(self) -> None:
        """All that was put in the stays that last is received in the end."""
        if not hasattr(self, "feed"):
            return
        for name in NAMES:
            self.resume(name)
        while self.waiting():
            self.receive()
        for stay in self.stays.values():
            assert stay.received == list(range(stay.first, stay.fetched))
        assert not self.feed.full


@pytest.mark.slow
def test_a_feed_loses_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    run_state_machine_as_test(Feeding, settings=settings(max_examples=150, stateful_step_count=40))


@pytest.mark.parametrize("paused", [False, True])
def test_a_stay_of_which_nothing_was_handed_out_begins_anew_with_its_first(paused: bool) -> None:
    feed = Feed(moved=lambda: None, has_room=lambda: None)
    feed.assign("a", 1, None)
    feed.assign("b", 2, None)
    number = feed.restart("a")
    assert number == (feed.number() - 1, None)
    feed.put(2, [delivery("b", 3)])
    if paused:
        feed.pause("a")
    feed.put(number[0], [delivery("a", 5), delivery("a", 6)])
    assert feed.restart("a") == (feed.number() - 1, 5)


# --- room, and waiting ---------------------------------------------------------------


def test_a_full_feed_says_so_and_when_there_is_room_again(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    rooms: list[bool] = []
    feed = Feed(moved=lambda: None, has_room=lambda: rooms.append(feed.full))
    feed.assign("a", feed.number(), 0)
    feed.put(1, [delivery("a", at, 50) for at in range(6)])
    assert not feed.full
    feed.put(1, [delivery("a", 6, 50)])
    assert feed.full
    at_once(feed)
    feed.put(1, [delivery("a", 7, 50)])
    assert feed.full
    at_once(feed)
    assert feed.full
    assert not rooms
    at_once(feed)
    assert rooms == [False]


def test_a_paused_or_revoked_partition_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    feed = Feed(moved=lambda: None, has_room=lambda: None)
    for name in "ab":
        feed.assign(name, number := feed.number(), 0)
        feed.put(number, [delivery(name, at, 50) for at in range(7)])
    feed.pause("a")
    assert feed.full
    feed.revoke("b")
    assert not feed.full
    feed.resume("a")
    assert feed.full


async def test_a_reader_waits_until_there_is_something() -> None:
    feed = Feed(moved=lambda: None, has_room=lambda: None)
    waiting = asyncio.create_task(feed.receive())
    await asyncio.sleep(0)
    feed.assign("a", 1, 0)
    assert await waiting == [Assigned("a")]
    waiting = asyncio.create_task(feed.receive())
    await asyncio.sleep(0)
    feed.put(1, [delivery("a", 0)])
    assert await waiting == [delivery("a", 0)]


async def test_a_second_reader_is_refused() -> None:
    feed = Feed(moved=lambda: None, has_room=lambda: None)
    waiting = asyncio.create_task(feed.receive())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="one reader"):
        await feed.receive()
    feed.end()
    assert await waiting == []


async def test_an_ended_feed_gives_nothing_more() -> None:
    feed = Feed(moved=lambda: None, has_room=lambda: None)
    feed.assign("a", 1, 0)
    feed.put(1, [delivery("a", 0)])
    feed.end()
    feed.assign("b", 2, 0)
    feed.put(2, [delivery("b", 0)])
    assert await feed.receive() == []
    assert feed.positions() == {}


def test_a_release_says_that_a_position_may_have_moved() -> None:
    moves: list[int] = []
    feed = Feed(moved=lambda: moves.append(1), has_room=lambda: None)
    feed.assign("a", 1, 0)
    feed.put(1, [delivery("a", 0)])
    at_once(feed)
    feed.release(delivery("a", 0))
    feed.release(delivery("b", 0))
    assert moves == [1]


async def test_a_feed_that_failed_says_so_to_whoever_waits_and_whoever_asks() -> None:
    feed = Feed(moved=lambda: None, has_room=lambda: None)
    waiting = asyncio.create_task(feed.receive())
    await asyncio.sleep(0)
    feed.fail(Unavailable("It has failed."))
    feed.assign("a", 1, 0)
    for receiving in (waiting, feed.receive()):
        with pytest.raises(Unavailable):
            await receiving


async def test_a_feed_that_has_ended_does_not_fail_any_more() -> None:
    feed = Feed(moved=lambda: None, has_room=lambda: None)
    feed.end()
    feed.fail(Unavailable("It has failed."))
    assert await feed.receive() == []
