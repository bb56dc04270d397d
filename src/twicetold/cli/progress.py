"""Progress in audio minutes: how much is done, how fast, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.progress import ProgressColumn
from rich.text import Text

from twicetold.cli.bars import Bars
from twicetold.cli.console import clock, note

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Task, TaskID


class AudioProgress(Bars):
    """A bar for each recording that is being worked on, and a line for each that is done."""

    def __init__(self, console: Console, recordings: int) -> None:
        super().__init__(console, _AudioColumn(), _SpeedColumn(), _LeftColumn())
        self._console = console
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self._recordings, self._ended = recordings, 0

    def begin(self, name: str) -> Callable[[float, float], None]:
        """A recording begins; returns what takes ``(done_s, total_s)`` as it goes on."""
        task = self._bars.add_task(_shortened(name), total=None)
        self._tasks[name], self._began[name] = task, time.monotonic()

        def progress(done_s: float, total_s: float) -> None:
            self._bars.update(task, completed=done_s, total=total_s or None)

        return progress

    def end(self, name: str, length_s: float | None = None) -> None:
        """A recording is done; without ``length_s`` it failed."""
        self._bars.remove_task(self._tasks.pop(name))
        self._ended += 1
        took_s = max(0.001, time.monotonic() - self._began.pop(name))
        if length_s is not None:
            count = f"[{self._ended}/{self._recordings}] " if self._recordings > 1 else ""
            speed = f"{length_s / took_s:.1f} × real time"
            note(f"{count}{name}: {clock(length_s)} of audio in {took_s:.1f} s ({speed})")


class _AudioColumn(ProgressColumn):
    """Audio minutes done, of all."""

    def render(self, task: Task) -> Text:
        done = clock(task.completed)
        return Text(f"{done} of {clock(task.total)}" if task.total else done, "cyan")


class _SpeedColumn(ProgressColumn):
    """Audio seconds per second, from the beginning."""

    def render(self, task: Task) -> Text:
        elapsed = task.elapsed or 0.0
        return Text(
            f"{task.completed / elapsed:.1f} ×" if elapsed and task.completed else "", "dim"
        )


class _LeftColumn(ProgressColumn):
    """Time left, at the speed so far."""

    def render(self, task: Task) -> Text:
        if not task.total or not task.completed or not task.elapsed:
            return Text("")
        left_s = (task.total - task.completed) * task.elapsed / task.completed
        return Text(f"{clock(left_s)} left", "dim")


def _shortened(name: str, length: int = 32) -> str:
    return name if len(name) <= length else "…" + name[1 - length :]
