"""Bars while something takes its time: gone when it is over, and silent in a pipe."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn

if TYPE_CHECKING:
    from rich.console import Console


class Bars:
    """To be used with ``with``; what shows progress adds its tasks to ``_bars``."""

    def __init__(self, console: Console, *columns: ProgressColumn) -> None:
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            *columns,
            console=console,
            transient=True,
            expand=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()
