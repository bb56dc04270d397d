"""The partitions that are with a group's member at present, as its thread knows them."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from confluent_kafka import OFFSET_INVALID, Message, TopicPartition

from twicetold.broker import Delivery, Foreign
from twicetold.broker.keys import decode_key
from twicetold.broker.shared import tell_missing

_log = structlog.get_logger()

Positions = dict[str, tuple[int, int | None]]  # name → number of its stay, position


@dataclass(slots=True)
class Stay:
    """One stay of a partition."""

    number: int
    expected: int | None  # next offset
    anew: bool = False  # the group has no position, and begins with the first message there is
    first: int | None = None  # that was fetched
    paused: bool = False
    seeking: int | None = None  # where to read on; until that is done nothing of it counts
    told: bool = False  # that it could not be read from there


class Stays(dict[int, Stay]):
    """By partition of the topic. Whatever is asked of a stay that is over finds nothing."""

    def __init__(self, topic: str) -> None:
        super().__init__()
        self._topic = topic
        self.foreign = Foreign()

    def name(self, partition: int) -> str:
        return f"{self._topic}-{partition}"

    def place(self, partition: int, offset: int = OFFSET_INVALID) -> TopicPartition:
        return TopicPartition(self._topic, partition, offset)

    def current(self, partition: int, number: int) -> Stay | None:
        stay = self.get(partition)
        return stay if stay is not None and stay.number == number else None

    def offsets(self, positions: Positions) -> list[TopicPartition]:
        """To commit. Of no stay that is over: another member may be further by now."""
        return [
            self.place(number_of(name), position)
            for name, (number, position) in positions.items()
            if position is not None and self.current(number_of(name), number) is not None
        ]

    def sort(self, message: Message, numbered: dict[int, list[Delivery]]) -> None:
        """Lay what was fetched to the others of its stay, by the number of that."""
        if (error := message.error()) is not None:
            _log.warning("kafka_fetch_failed", topic=self._topic, error=error.str())
            return
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        stay = self.get(partition)
        if stay is None or stay.seeking is not None:
            return
        self._look_for_missing(partition, stay, offset)
        try:
            key = decode_key(message.key())
        except ValueError:
            self.foreign.tell(self.name(partition), offset)
            return
        found = numbered.setdefault(stay.number, [])
        found.append(Delivery(self.name(partition), offset, key, message.value() or b""))

    def _look_for_missing(self, partition: int, stay: Stay, offset: int) -> None:
        tell_missing(self.name(partition), stay.expected, offset, anew=stay.anew)
        stay.expected, stay.anew = offset + 1, False
        if stay.first is None:
            stay.first = offset


def number_of(name: str) -> int:
    """The partition of that name."""
    return int(name.rpartition("-")[2])
