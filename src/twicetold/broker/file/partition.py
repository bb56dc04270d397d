"""One call's log as the process holds it, and what a publisher is handed for a message."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twicetold.broker import Topic
from twicetold.broker.file.positions import SLOTS, Positions
from twicetold.errors import TwicetoldError
from twicetold.speech.identity import CallKey

if TYPE_CHECKING:
    from twicetold.broker.file.subscription import Subscription


@dataclass(slots=True)
class Failure:
    """Why a message was not written. It stands until a publisher has seen it.

    Who publishes without awaiting would otherwise go on behind a hole that it does not
    know of.
    """

    cause: TwicetoldError
    generation: int
    permanent: bool = False
    seen: bool = False

    def error(self) -> TwicetoldError:
        """A fresh exception for one publisher."""
        return type(self.cause)(self.cause.message, self.cause.hint)


class Receipt(asyncio.Future[None]):
    """Done once the message is written. One that fails and is never awaited stays quiet."""

    failure: Failure | None = None

    def fail(self, failure: Failure) -> None:
        if self.done():  # its publisher gave up waiting
            return
        self.set_exception(failure.error())
        super().exception()  # it counts as retrieved: the failure itself stands until it is seen
        self.failure = failure

    def result(self) -> None:
        self._see()
        return super().result()

    def exception(self) -> BaseException | None:
        self._see()
        return super().exception()

    def __await__(self) -> Generator[Any, None, None]:
        try:
            return (yield from super().__await__())
        finally:
            self._see()

    def _see(self) -> None:
        if self.failure is not None:
            self.failure.seen = True


@dataclass(eq=False, slots=True)
class Partition:
    """A call's log. The event loop owns all but what is marked as the writer's.

    ``end`` is the position behind the last record that was written and told of;
    ``positions`` are those of groups that nobody reads for at the moment.
    """

    key: CallKey
    directory: Path
    end: int
    positions: list[int]
    name: str = ""
    subscriptions: list[Subscription | None] = field(default_factory=lambda: [None] * len(SLOTS))
    appeared: bool = False
    forgotten: bool = False
    generation: int = 0
    failures: dict[Topic, Failure] = field(default_factory=dict)
    excused: dict[Topic, int] = field(default_factory=dict)
    positions_counter: int = 0
    saved: Positions | None = None
    # The writer's. Segments are added there, and removed by the keeper once all released them.
    segments: list[int] = field(default_factory=list)
    surplus: list[int] = field(default_factory=list)
    salt: int = 0
    written: int = 0
    failed_generation: int = -1
    failed: TwicetoldError | None = None
    trash: Path | None = None

    def __post_init__(self) -> None:
        self.name = str(self.key)
        self.written = self.end

    def admit(self, topic: Topic) -> Failure | None:
        """The failure that stands in the way of publishing now, if any.

        One that was seen is lifted here: the writer opens the file again, and lets go of
        everything that was published before.
        """
        failure = self.failures.get(topic)
        if failure is None or failure.permanent or not failure.seen:
            return failure
        del self.failures[topic]
        self.excused[topic] = failure.generation
        if failure.generation == self.generation:
            self.generation += 1
        return None

    def fail(self, topic: Topic, failure: Failure) -> Failure:
        """Let nothing of the topic in until ``failure`` was seen; the one that stands."""
        if failure.generation <= self.excused.get(topic, -1):
            return failure  # its publisher saw one of the same break already
        standing = self.failures.get(topic)
        if standing is None or standing.generation < failure.generation:
            self.failures[topic] = standing = failure
        return standing

    def break_off(self, cause: TwicetoldError) -> None:
        """Refuse every further message: the log is damaged."""
        for topic in {topic for topic, _ in SLOTS}:
            self.failures[topic] = Failure(cause, self.generation, permanent=True)

    def group_positions(self) -> Positions:
        """The lowest position of each group that it has not released."""
        live, record, finals = (
            self.positions[slot] if subscription is None else subscription.position()
            for slot, subscription in enumerate(self.subscriptions)
        )
        return live, record, finals
