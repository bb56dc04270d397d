"""What belongs to a process: its descendants, and whether they are gone."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """All processes below it, those nearest to it first."""
    found = children(pid)
    for child in found:
        found += children(child)
    return found


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{pid}/task").glob("*/children")  # a child belongs to a thread
        return [int(each) for path in tasks for each in path.read_text().split()]
    return []


def command(pid: int) -> str:
    """Its command line, words parted by spaces; empty where it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def still_there(pids: list[int], within_s: float) -> list[int]:
    """Those that have not ended by then; a zombie has."""
    ends = time.monotonic() + within_s
    while left := [pid for pid in pids if command(pid)]:
        if time.monotonic() > ends:
            return left
        time.sleep(0.01)
    return []
