"""Running what goes on until a signal ends it: a server, a gateway, a worker."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Any

from twicetold.cli.console import run
from twicetold.config import Settings


def run_process(settings: Settings, work: Coroutine[Any, Any, None]) -> None:
    """Log as the settings say, and run ``work`` until it ends. SIGTERM or Ctrl-C has it hand over
    what it has in hand, within ``drain_s``; a second one ends it at once."""
    from twicetold.observe.logging import configure
    from twicetold.wiring.stopping import until_stopped

    configure(settings.log_level)
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
    if not is_built():
        note(f"Without its page for browsers; to get it: {HOW_TO_BUILD}")
