"""The one thread that writes the log: everything that waits, in one go per call.

It wakes at once when it was idle, and at most every ``interval_s`` when it is busy. What
it wrote goes back to the event loop as one batch, in the order of publishing per call.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import structlog

from twicetold.broker.file.partition import Partition, Receipt
from twicetold.broker.file.segments import OpenSegments
from twicetold.descriptors import exhausted
from twicetold.errors import DiskFull, TwicetoldError, Unavailable

_log = structlog.get_logger()

_MOST_RECORDS = 256  # two buffers each; the system takes 1,024
_MOST_BYTES = 1024 * 1024
_MANY_PER_S = 700
_SHORT_REST = 5  # times as long as the write took

FORGET = 0  # stands where a topic byte does: move the call's directory to partition.trash
NOT_WRITTEN = -1


class Entry(NamedTuple):
    """A message on its way to the log."""

    partition: Partition
    topic: int
    payload: bytes
    receipt: Receipt
    generation: int


@dataclass(slots=True)
class Outcome:
    """What became of a call's entries: the position of each, or NOT_WRITTEN for ``error``."""

    partition: Partition
    entries: list[Entry]
    positions: list[int]
    error: TwicetoldError | None = None


class Writer:
    """``submit`` from the event loop; ``settle`` is called in the thread with each batch."""

    def __init__(
        self,
        segments: OpenSegments,
        settle: Callable[[list[Outcome]], None],
        *,
        interval_s: float,
    ) -> None:
        self._segments, self._settle, self._interval_s = segments, settle, interval_s
        self._pending: deque[Entry] = deque()
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._idle = False
        self._stopping = False
        self._per_s, self._written_at = 0.0, 0.0  # messages of about the last second
        self._thread = threading.Thread(target=self._main, name="broker-write", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, entry: Entry) -> None:
        self._pending.append(entry)
        if self._idle:
            self._idle = False
            self._wake.put(None)

    def stop(self) -> None:
        """Write what waits and end. Blocks: not for the event loop."""
        self._stopping = True
        self._wake.put(None)
        self._thread.join()

    def _main(self) -> None:
        pending = self._pending
        while pending or not self._stopping:
            if not pending:
                self._idle = True
                # What came between the look and the flag has woken nobody: look again.
                if not pending and not self._stopping:
                    self._wake.get()
                self._idle = False
                continue
            started = time.monotonic()
            count = len(pending)
            self._write([pending.popleft() for _ in range(count)])
            if not self._stopping:
                time.sleep(self._rest_s(started, count))
        self._segments.close()

    def _rest_s(self, started: float, count: int) -> float:
        """Few messages hardly wait; of many, more go in one write. (At 500 a second a message takes
        0.12 ms instead of 2.9, for 40 µs of processor time more, which 1,000 could not spare.)"""
        now = time.monotonic()
        self._per_s = count + self._per_s * max(0.0, 1.0 - (now - self._written_at))
        self._written_at = now
        rest_s = started + self._interval_s - now
        if self._per_s < _MANY_PER_S:
            rest_s = min(rest_s, _SHORT_REST * (now - started))
        return max(0.0, rest_s)

    def _write(self, batch: list[Entry]) -> None:
        groups: dict[Partition, list[Entry]] = {}
        for entry in batch:
            partition = entry.partition
            group = groups.get(partition)
            if group is None:
                groups[partition] = [entry]
            else:
                group.append(entry)
        self._settle([self._write_call(partition, group) for partition, group in groups.items()])

    def _write_call(self, partition: Partition, entries: list[Entry]) -> Outcome:
        forget = entries[-1].topic == FORGET  # nothing of this partition comes after it
        stop = len(entries) - forget
        positions: list[int] = []
        while len(positions) < stop and (
            entries[len(positions)].generation <= partition.failed_generation
        ):
            positions.append(NOT_WRITTEN)
        try:
            while len(positions) < stop:
                self._write_piece(partition, entries, stop, positions)
        except Exception as error:  # noqa: BLE001 - the thread serves every call: it goes on
            partition.failed_generation = entries[stop - 1].generation
            partition.failed = _explain(partition, error)
            positions += [NOT_WRITTEN] * (stop - len(positions))
            self._segments.drop(partition)
        if forget:
            positions.append(self._forget(partition))
        cause = partition.failed if NOT_WRITTEN in positions else None
        return Outcome(partition, entries, positions, cause)

    def _write_piece(
        self, partition: Partition, entries: list[Entry], stop: int, positions: list[int]
    ) -> None:
        """Write the entries from ``len(positions)`` on, as many as go in one call."""
        segment = self._segments.open(partition)
        room = min(_MOST_BYTES, self._segments.room(segment))
        piece: list[tuple[int, bytes]] = []
        for entry in islice(entries, len(positions), min(stop, len(positions) + _MOST_RECORDS)):
            piece.append((entry.topic, entry.payload))
            room -= len(entry.payload)
            if room <= 0:
                break
        written, error = segment.append(piece)
        positions += written
        partition.written = segment.end
        if error is not None:
            raise error

    def _forget(self, partition: Partition) -> int:
        try:
            self._segments.forget(partition)
        except OSError as error:
            partition.failed = _explain(partition, error)
            return NOT_WRITTEN
        return 0


def _explain(partition: Partition, error: Exception) -> TwicetoldError:
    if isinstance(error, TwicetoldError):
        return error
    if isinstance(error, OSError):
        if (overloaded := exhausted(error)) is not None:
            return overloaded
        reason = error.strerror or str(error)
        return DiskFull(f"The log of call {partition.name} takes no more data: {reason}.")
    _log.error("broker_write_failed", call=partition.name, exc_info=error)
    return Unavailable(
        f"The log of call {partition.name} cannot be written, for a mistake of the server's.",
        "See the server's log.",
    )
