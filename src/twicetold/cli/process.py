"""Running what goes on until a signal ends it: a server, a gateway, a worker."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import typer

from twicetold.cli.allocator import return_large_blocks
from twicetold.cli.console import expected_error, run, words_of
from twicetold.config import Settings

Command = TypeVar("Command", bound=Callable[..., None])


def last_words_logged(command: Command) -> Command:
    """A server's command: where its stderr is no terminal, who reads it reads JSON lines, and the
    error that ends it is one of them."""

    @functools.wraps(command)
    def logged(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except Exception as error:
            if _at_a_terminal() or isinstance(error, typer.Exit | typer.Abort):
                raise
            _log_end(error)
            raise typer.Exit(1) from None

    return logged  # type: ignore[return-value]


def _at_a_terminal() -> bool:
    return sys.stderr.isatty()


def _log_end(error: Exception) -> None:
    """One line, also where the error came before there were settings to log by."""
    import structlog

    from twicetold.observe.logging import configure

    configure("error", json=True)
    log = structlog.get_logger()
    expected = expected_error(error)
    if expected is None:
        log.critical("ended_by_a_mistake_of_ours", exc_info=error)
        return
    message, hint = (" ".join(text.split()) for text in words_of(expected))
    code = getattr(expected, "code", "os_error")
    log.critical("ended", code=code, reason=message, hint=hint)


def run_process(settings: Settings, work: Coroutine[Any, Any, None]) -> None:
    """Log as the settings say, and run ``work`` until it ends. SIGTERM or Ctrl-C has it hand over
    what it has in hand, within ``drain_s``; a second one ends it at once."""
    from twicetold.observe.logging import configure
    from twicetold.wiring.stopping import until_stopped

    configure(settings.log_level)
    return_large_blocks()
    lasting = until_stopped(work, settings.drain_s)
    if sys.platform == "win32":
        run(lasting)
    else:
        import uvloop

        uvloop.run(lasting)


def ready_gateway(url: str) -> None:
    """The first line on stdout: what takes calls is there, and where."""
    from twicetold.cli.console import note, say
    from twicetold.gateway.page_folder import HOW_TO_BUILD, is_built

    say(f"Twicetold listens at {url}")
    if is_built():
        return
    if _at_a_terminal():
        note(f"Without its page for browsers; to get it: {HOW_TO_BUILD}")
    else:
        import structlog

        structlog.get_logger().warning("page_not_built", hint=HOW_TO_BUILD)
