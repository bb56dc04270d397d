from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twicetold.broker import Delivery
from twicetold.broker.file.partition import Partition
from twicetold.broker.file.records import RECORD_BYTES
from twicetold.broker.file.subscription import Subscription
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit

KEY = CallKey("t", "c")
TAIL_BYTES = 100


@dataclass
class World:
    """A log in memory, the subscription, and a read of the files that takes its time."""

    log: list[Delivery] = field(default_factory=list)
    got: list[Delivery] = field(default_factory=list)
    reading: tuple[int, list[Delivery], int] | None = None

    def __post_init__(self) -> None:
        self.partition = Partition(KEY, Path("unused"), 16, [16, 16, 16])
        self.subscription = Subscription(self.partition, 16)

    def write(self, size: int) -> None:
        position = self.partition.end
        delivery = Delivery("t/c", position, KEY, bytes(size))
        self.partition.end += RECORD_BYTES + size
        self.log.append(delivery)
        self.subscription.offer(delivery, TAIL_BYTES)

    def write_other_topic(self) -> None:
        self.partition.end += RECORD_BYTES + 7

    def begin_read(self, most: int) -> None:
        one = self.subscription
        if self.reading or one.paused or one.front or not one.behind:
            return
        found = [each for each in self.log if one.cursor <= each.position < one.tail_from]
        reached = one.tail_from if len(found) <= most else found[most].position
        self.reading = (one.reads, found[:most], reached)

    def end_read(self) -> None:
        if self.reading is not None and self.reading[0] == self.subscription.reads:
            self.subscription.extend(*self.reading[1:])
        self.reading = None

    def take(self, limit: int) -> None:
        if self.subscription.ready:
            self.subscription.take(self.got, limit)  # type: ignore[arg-type]

    def check(self) -> None:
        one = self.subscription
        assert self.got == self.log[: len(self.got)], "lost, doubled or out of order"
        assert one.tail_bytes == sum(len(each.value) for each in one.tail)
        assert len(one.tail) <= 1 or one.tail_bytes <= TAIL_BYTES
        assert not one.paused or not (one.tail or one.front)
        following = self.log[len(self.got)].position if len(self.got) < len(self.log) else None
        assert not one.unreleased, "the test releases at once"
        assert one.position() <= (self.partition.end if following is None else following)

    def release(self) -> None:
        self.subscription.unreleased.clear()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 60)),
        st.tuples(st.just("other"), st.just(0)),
        st.tuples(st.just("begin_read"), st.integers(1, 4)),
        st.tuples(st.just("end_read"), st.just(0)),
        st.tuples(st.just("take"), st.sampled_from([1, 50, 1000])),
        st.tuples(st.just("pause"), st.just(0)),
        st.tuples(st.just("resume"), st.just(0)),
        st.tuples(st.just("drop_tail"), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=400, deadline=None)
@given(script=steps)
def test_the_switch_between_memory_and_files_loses_doubles_and_disorders_nothing(
    script: list[tuple[str, int]],
) -> None:
    world = World()
    one = world.subscription
    for step, number in script:
        match step:
            case "write":
                world.write(number)
            case "other":
                world.write_other_topic()
            case "begin_read":
                world.begin_read(number)
            case "end_read":
                world.end_read()
            case "take":
                world.take(number)
            case "pause":
                one.pause()
            case "resume" if one.paused:
                one.resume()
            case "drop_tail" if not one.paused:
                one.drop_tail()
        world.release()
        world.check()
    if one.paused:
        one.resume()
    while len(world.got) < len(world.log):  # nothing more is written: it must come to an end
        before = (len(world.got), one.cursor, len(one.front))
        world.end_read()
        world.begin_read(4)
        world.end_read()
        world.take(1000)
        world.release()
        world.check()
        assert (len(world.got), one.cursor, len(one.front)) != before


def test_the_position_is_the_lowest_that_was_not_released() -> None:
    world = World()
    for _ in range(4):
        world.write(10)
    one, positions = world.subscription, [each.position for each in world.log]
    assert one.position() == positions[0]
    world.take(20)  # two of them
    assert one.position() == positions[0]
    del one.unreleased[positions[1]]
    assert one.position() == positions[0]
    del one.unreleased[positions[0]]
    assert one.position() == positions[2]
    world.take(1000)
    world.release()
    world.write_other_topic()
    assert one.position() == world.partition.end  # nothing of ours holds the log back


def test_a_subscription_that_starts_in_the_past_reads_the_files_first() -> None:
    world = World()
    for _ in range(3):
        world.write(10)
    late = world.subscription = Subscription(world.partition, 16)
    world.write(10)
    assert late.behind
    assert not late.ready
    world.begin_read(10)
    world.end_read()
    world.take(1000)
    world.take(1000)
    assert world.got == world.log
