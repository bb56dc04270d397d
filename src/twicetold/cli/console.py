"""Where the command line writes: results to stdout, everything else to stderr."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from twicetold.cli.words import hint_for
from twicetold.errors import TwicetoldError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

T = TypeVar("T")

_WIDE_CHARACTERS = 10_000


def run(work: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run``, imported on use: ``--help`` is quicker without."""
    import asyncio

    from twicetold.cli.interrupts import Stopped

    try:
        return asyncio.run(work)
    except Stopped:
        raise KeyboardInterrupt from None


@cache
def out() -> Console:
    """For what was asked for."""
    from rich.console import Console

    return Console(highlight=False)


@cache
def err() -> Console:
    """For progress, notes and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """One plain line on stdout, never wrapped or read as markup."""
    out().print(text, markup=False, soft_wrap=True, emoji=False)


def note(text: str) -> None:
    """One plain line on stderr."""
    err().print(text, markup=False, soft_wrap=True, emoji=False)


def show(table: Table) -> None:
    """A table on stdout: as wide as a terminal is; in a pipe nothing is folded or cut."""
    if out().is_terminal:
        out().print(table)
        return
    from rich.console import Console

    wide = Console(width=_WIDE_CHARACTERS, highlight=False)
    with wide.capture() as captured:
        wide.print(table)
    for line in captured.get().splitlines():
        say(line.rstrip())


def report(error: BaseException) -> None:
    """An error as its two lines: what is wrong, and what to do."""
    message, hint = words_of(error)
    _labelled("error", "bold red", message)
    if hint:
        _labelled("hint", "cyan", hint)


def words_of(error: BaseException) -> tuple[str, str]:
    """What an error says to its reader, and its hint."""
    if isinstance(error, TwicetoldError):
        return error.message, hint_for(error.code, error.hint)
    if isinstance(error, OSError) and error.strerror:
        name = f": {error.filename}" if error.filename else ""
        return (f"{error.strerror}{name}.", "Check that the path is there and that you may use it.")
    return (str(error) or type(error).__name__, "")


def expected_error(error: BaseException) -> BaseException | None:
    """The error made for a reader inside ``error``, also where a task group wrapped it."""
    if isinstance(error, BaseExceptionGroup):
        found = (expected_error(inner) for inner in error.exceptions)
        return next((inner for inner in found if inner is not None), None)
    return error if isinstance(error, TwicetoldError | OSError) else None


def clock(seconds: float) -> str:
    """``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _labelled(label: str, style: str, text: str) -> None:
    from rich.text import Text

    line = Text.assemble((f"{label}: ", style), " ".join(text.split()))
    err().print(line, soft_wrap=True)
