"""The broker port: a partitioned log that carries audio, finals and captions.

Topics and who writes them: ``audio`` (gateway; and the recorder's sweep, which may close an
abandoned call), ``finals`` and ``captions`` (live worker; batch workers add their status to
``captions``). ``audio`` and ``finals`` are kept until every group has released them;
``captions`` are passed to those who listen at that moment and forgotten.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from twicetold.speech.identity import CallKey


class Topic(StrEnum):
    AUDIO = "audio"
    FINALS = "finals"
    CAPTIONS = "captions"


class Group(StrEnum):
    """Consumer groups: each sees every message of its topics."""

    LIVE = "live"
    RECORD = "record"


class Delivery(NamedTuple):
    """One message for a group. ``position`` grows within its partition."""

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


class Consumer(Protocol):
    """One member of a group on one topic."""

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

    async def aclose(self) -> None: ...


class Listener(Protocol):
    """Follows single calls in a topic without a position, from now on."""

    async def add(self, key: CallKey) -> None:
        """Returns once positioned: every message of ``key`` published after that is received."""

    def remove(self, key: CallKey) -> None: ...

    async def receive(self) -> list[tuple[CallKey, bytes]]:
        """Messages in order; waits until there is one. Returns [] once closed.

        A listener that does not keep up loses the oldest messages rather than growing
        without bound: its reader sees a gap in event numbers.
        """

    async def aclose(self) -> None: ...


class Broker(Protocol):
    def publish(self, topic: Topic, key: CallKey, value: bytes) -> Awaitable[None]:
        """Hand over one message; awaiting the result waits until the broker has it.

        Messages of a key keep the order of the calls to ``publish``, awaited or not.
        Raises DiskFull (nothing of the message is kept) or CorruptLog.
        """

    def consume(self, topic: Topic, group: Group) -> Consumer:
        """Join a group, from the group's position. ``captions`` cannot be consumed."""

    def listen(self, topic: Topic) -> Listener: ...

    async def forget(self, key: CallKey) -> None:
        """Remove all that is kept of a call. A call that is not known is not an error."""

    async def aclose(self) -> None:
        """Make what was published durable and stop. Consumers and listeners end."""
