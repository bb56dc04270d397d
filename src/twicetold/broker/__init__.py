"""The broker port: a partitioned log that carries audio, finals and captions.

Topics and who writes them: ``audio`` (gateway; and the recorder's sweep, which may close an
abandoned call), ``finals`` and ``captions`` (live worker; batch workers add their status to
``captions``). ``audio`` and ``finals`` are kept until every group has released them;
``captions`` are passed to those who listen at that moment and forgotten.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

import structlog

from twicetold.speech.identity import CallKey

_log = structlog.get_logger()


class Topic(StrEnum):
    AUDIO = "audio"
    FINALS = "finals"
    CAPTIONS = "captions"


class Group(StrEnum):
    """Consumer groups: each sees every message of its topics."""

    LIVE = "live"
    RECORD = "record"


class Delivery(NamedTuple):
    """One message for a group. ``position`` grows within its partition, which may carry one call
    or many; a call's messages are all in one."""

    partition: str
    position: int
    key: CallKey
    value: bytes


@dataclass(frozen=True, slots=True)
class Assigned:
    """From now on this consumer gets the partition's messages."""

    partition: str


@dataclass(frozen=True, slots=True)
class Revoked:
    """The partition has gone to another consumer, or is no more."""

    partition: str


class Foreign:
    """Messages in a log of ours that are none of ours, or of a newer version: passed over,
    counted, and told at 1, 10, 100, …: who writes into our log by mistake writes much."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()  # an adapter's thread and the pass both tell

    def tell(self, partition: str, position: int) -> None:
        with self._lock:
            self.count += 1
            count = self.count
        if str(count).strip("0") == "1":
            _log.warning("foreign_message", partition=partition, position=position, so_far=count)


class Consumer(Protocol):
    """One member of a group on one topic."""

    @property
    def foreign(self) -> Foreign:
        """What came and was none of ours: the adapter tells of those that carry no call, its
        reader of those that say nothing it knows."""

    async def receive(self) -> list[Delivery | Assigned | Revoked]:
        """What has come since, in order within each partition; waits until there is something.

        A batch is bounded (about 1 MiB); what is not read stays in the log. Returns [] once closed.
        """

    def release(self, delivery: Delivery) -> None:
        """Let a delivery go. The group's position is the lowest one that was not released.

        The position survives a restart, but may then be up to a second old: deliveries
        repeat, none is skipped.
        """

    def pause(self, partition: str) -> None:
        """Deliver nothing more of the partition until ``resume``; what comes waits in the log."""

    def resume(self, partition: str) -> None: ...

    def rewind(self, partition: str) -> None:
        """Give the partition up and take it again: Revoked, Assigned, and all from the group's
        position follow. A partition that is not this consumer's (any more) is left alone."""

    async def aclose(self) -> None:
        """Leave the group: what was released is noted first, so that the next one goes on there."""


class Listener(Protocol):
    """Follows single calls in a topic without a position, from now on."""

    async def add(self, key: CallKey) -> None:
        """Returns once positioned: every message of ``key`` published after that is received, and
        perhaps some that were published a moment before."""

    def remove(self, key: CallKey) -> None: ...

    async def receive(self) -> list[tuple[CallKey, bytes]]:
        """Messages in order; waits until there is one. Returns [] once closed.

        A listener that does not keep up loses the oldest messages rather than growing
        without bound: its reader sees a gap in event numbers.
        """

    async def aclose(self) -> None: ...


class Coordination(Protocol):
    """What a broker without consumer groups has the session store keep: who lives, who holds
    which partition, and the groups' positions. Times are by the store's clock."""

    async def beat(
        self, group: str, member: str, ttl_s: float, wanted: Collection[str]
    ) -> tuple[list[str], set[str]]:
        """The member lives, and holds what it wants, for ``ttl_s`` from now.

        Returns all members that live, sorted, and which of the ``wanted`` partitions it holds:
        those that were free, had run out, or were its own already.
        """

    async def yield_up(self, group: str, member: str, partitions: Collection[str]) -> None:
        """Let go of partitions that the member holds; others may take them at once."""

    async def leave(self, group: str, member: str) -> None:
        """The member is gone, and holds nothing."""

    async def positions(self, group: str) -> dict[str, int]:
        """Per partition, the lowest position that is still needed."""

    async def advance(self, group: str, positions: Mapping[str, int]) -> None:
        """Move positions up. One that is lower than what is stored changes nothing: whoever
        released it, the work was done."""


class Broker(Protocol):
    async def start(self) -> None:
        """Connect, and see that what is there is as it must be. Retries what may pass, for as
        long as it takes, and logs which address does not answer. Raises SettingError where a
        person must mend something, CorruptLog where the log is damaged."""

    async def check(self) -> None:
        """Whether it answers now. Raises Unavailable."""

    def publish(self, topic: Topic, key: CallKey, value: bytes) -> Awaitable[None]:
        """Hand over one message; awaiting the result waits until the broker has it.

        Messages of a key keep the order of the calls to ``publish``, awaited or not.
        While the broker is away the result waits. Raises DiskFull (nothing of the message is
        kept), CorruptLog, Overloaded at once while too much waits, or Unavailable once closed.
        """

    def consume(self, topic: Topic, group: Group) -> Consumer:
        """Join a group, from the group's position. ``captions`` cannot be consumed."""

    def listen(self, topic: Topic) -> Listener: ...

    async def forget(self, key: CallKey) -> None:
        """Remove all that is kept of a call, at once or, where a log is shared by many, when its
        retention runs out. A call that is not known is not an error."""

    async def aclose(self) -> None:
        """Make what was published durable and stop. Consumers and listeners end."""
