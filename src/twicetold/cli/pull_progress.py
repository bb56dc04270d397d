"""How a model's download goes: bytes, how fast, and how long it will take. Silent in a pipe, but
for what went wrong."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.filesize import decimal
from rich.progress import DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

from twicetold.cli.bars import Bars
from twicetold.cli.console import note

if TYPE_CHECKING:
    from rich.console import Console


class PullProgress(Bars):
    """One bar for all files; a Watcher of ``pull_model``. To be used with ``with``."""

    def __init__(self, console: Console, name: str) -> None:
        super().__init__(
            console,
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(compact=True),
        )
        self._name, self._task = name, self._bars.add_task(name, total=None)
        self._total_bytes, self._done_bytes, self._file = 0, 0, ""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        if kind is KeyboardInterrupt and self._total_bytes:
            note(
                f"Stopped. {size(self._done_bytes)} of {size(self._total_bytes)} are kept; the "
                "same command goes on from there."
            )

    def waiting(self) -> None:
        note(f"Another process fetches {self._name}; waiting for it.")

    def began(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes
        self._bars.update(self._task, total=total_bytes)

    def moved(self, file: str, done_bytes: int) -> None:
        """What was there before counts for the bar, and not for the speed."""
        if file != self._file or done_bytes < self._done_bytes:
            self._file = file
            self._bars.reset(self._task, completed=done_bytes, description=f"{self._name} {file}")
        else:
            self._bars.update(self._task, completed=done_bytes)
        self._done_bytes = done_bytes

    def again(self, reason: str, wait_s: float) -> None:
        when = f"in {wait_s:.0f} s" if wait_s else "now"
        note(f"{reason[:1].upper()}{reason[1:]}; trying again {when}.")


def size(size_bytes: int) -> str:
    """For people: 1.6 GB."""
    return decimal(size_bytes)
