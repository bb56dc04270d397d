"""Saves the groups' positions once a second and removes the segments that all groups released."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import Executor

import structlog

from twicetold.broker.file.partition import Partition
from twicetold.broker.file.positions import Positions, save_positions
from twicetold.broker.file.records import segment_path

_log = structlog.get_logger()

_INTERVAL_S = 1.0


class Keeper:
    """``moved`` and the rest run on the event loop; the files are touched in ``pool``."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._moved: set[Partition] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._saving: asyncio.Future[None] | None = None

    def moved(self, partition: Partition) -> None:
        """A group's position in the partition may have changed."""
        self._moved.add(partition)
        if self._timer is None and self._saving is None:
            self._timer = asyncio.get_running_loop().call_later(_INTERVAL_S, self._begin)

    async def flush(self) -> None:
        """Save what is left, for the last time."""
        if self._timer is not None:
            self._timer.cancel()
        while self._moved or self._saving is not None:
            if self._saving is None:
                self._begin()
            if self._saving is not None:
                await asyncio.wait([self._saving])

    def _begin(self) -> None:
        self._timer = None
        now = [(each, each.group_positions()) for each in self._moved if not each.forgotten]
        self._moved.clear()
        if now:
            self._saving = asyncio.get_running_loop().run_in_executor(self._pool, _save, now)
            self._saving.add_done_callback(self._saved)

    def _saved(self, saving: asyncio.Future[None]) -> None:
        self._saving = None
        if not saving.cancelled() and (error := saving.exception()) is not None:
            _log.error("broker_positions_failed", exc_info=error)
        moved, self._moved = self._moved, set()
        for partition in moved:
            self.moved(partition)


def _save(positions: Iterable[tuple[Partition, Positions]]) -> None:
    for partition, now in positions:
        try:
            if now != partition.saved:
                partition.positions_counter += 1
                save_positions(partition.directory, partition.positions_counter, now)
                partition.saved = now
        except FileNotFoundError:
            continue  # forgotten meanwhile
        except OSError as error:
            # Removing what was released is safe all the same, and may be what frees the disk.
            _log.warning("broker_positions_failed", call=partition.name, error=error.strerror)
        _remove_released(partition, min(now))


def _remove_released(partition: Partition, lowest: int) -> None:
    segments = partition.segments
    while len(segments) > 1 and segments[1] <= lowest:
        try:
            segment_path(partition.directory, segments[0]).unlink(missing_ok=True)
        except OSError as error:
            _log.warning("broker_segment_stays", call=partition.name, error=error.strerror)
            return
        del segments[0]
