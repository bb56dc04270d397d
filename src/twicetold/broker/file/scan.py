"""What lies on the disk when the file broker starts: looked at whole before anything is touched."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

import structlog

from twicetold.broker.file.partition import Partition
from twicetold.broker.file.positions import SLOTS, load_positions, save_positions
from twicetold.broker.file.records import Verified, list_segments, segment_path, verify_segment
from twicetold.errors import BadIdentifier, CorruptLog
from twicetold.speech.identity import CallKey

_log = structlog.get_logger()

# More than eight seconds of the widest sound that is sent live; the log is synced each second.
_LOST_IN_A_POWER_CUT_BYTES = 1024 * 1024
TRASH = ".forgotten"  # no identifier begins with a dot


def scan(root: Path) -> list[Partition]:
    """The logs of all calls, verified from the lowest position of their groups on.

    Raises CorruptLog, having changed nothing.
    """
    found = [
        partition
        for tenant in sorted(root.iterdir())
        if tenant.is_dir()
        for call in sorted(tenant.iterdir())
        if call.is_dir() and (partition := _scan_call(tenant.name, call)) is not None
    ]
    for partition in found:
        _lower_positions(partition)
    return found


def _scan_call(tenant: str, directory: Path) -> Partition | None:
    try:
        key = CallKey.checked(tenant, directory.name)
    except BadIdentifier:
        return None  # not ours
    segments = list_segments(directory)
    if not segments:
        return None
    counter, saved = load_positions(directory) or (0, None)
    positions = list(saved) if saved else [segments[0]] * len(SLOTS)
    surplus: list[int] = []
    last = _verify(directory, segments, min(positions), surplus)
    _check_reached(directory, last.end, positions)
    if last.torn:
        _log.warning("broker_log_torn", call=str(key), kept_bytes=last.end - segments[0])
    return Partition(
        key,
        directory,
        last.end,
        [max(position, segments[0]) for position in positions],
        appeared=True,
        positions_counter=counter,
        saved=saved,
        segments=segments,
        surplus=surplus,
        salt=last.salt,
    )


def _verify(directory: Path, segments: list[int], begin: int, surplus: list[int]) -> Verified:
    """Verify what holds records from ``begin`` on; segments without a head go to ``surplus``."""
    while True:
        last = segments[-1]
        verified = verify_segment(segment_path(directory, last), last, begin, last=True)
        if not verified.headless or len(segments) == 1:
            break
        surplus.append(segments.pop())
    start = max(0, bisect_right(segments, begin) - 1)
    for first, following in zip(segments[start:], segments[start + 1 :], strict=False):
        path = segment_path(directory, first)
        if verify_segment(path, first, begin, last=False).end != following:
            raise CorruptLog(f"The log {path} does not reach up to the file that follows it.")
    return verified


def _check_reached(directory: Path, end: int, positions: list[int]) -> None:
    """A power cut may take the last second; a log that groups have read far beyond what is
    left of it was emptied or cut by somebody, and what it held for the others is gone."""
    missing = max(positions) - end
    if missing > _LOST_IN_A_POWER_CUT_BYTES:
        raise CorruptLog(f"The log in {directory} is cut short: {missing} bytes were read before.")


def _lower_positions(partition: Partition) -> None:
    """Bring back positions that lie behind the end, where a power cut took released records.

    Left as they are, they would pass for releases of the records that are written next.
    """
    if max(partition.positions) <= partition.end:
        return
    partition.positions = [min(position, partition.end) for position in partition.positions]
    partition.positions_counter += 1
    live, record, finals = partition.positions
    partition.saved = (live, record, finals)
    save_positions(partition.directory, partition.positions_counter, partition.saved)
