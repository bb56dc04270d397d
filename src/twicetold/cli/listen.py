"""``twicetold listen``: captions for the microphone, or for a file played at its real speed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from twicetold.cli.console import note, run
from twicetold.cli.options import ConfigOption, KeyOption, UrlOption, server_of, settings_of


def listen(
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", exists=True, dir_okay=False, help="Play a file."),
    ] = None,
    call_id: Annotated[
        str | None, typer.Option("--call-id", help="What to call it (default: the time).")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Language that is spoken.")] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """Show captions of the microphone, or of a file, as they come. Ctrl-C ends the call.

    Needs a running server (twicetold serve). The call is kept, and transcribed again after it.
    """
    server = server_of(url, key, config)
    call = call_id or time.strftime("listen-%Y%m%d-%H%M%S")
    run(_listen(server, call, language or settings_of(config=config).settings.language, file))


async def _listen(
    server: tuple[str, str | None], call_id: str, language: str, file: Path | None
) -> None:
    from twicetold.cli.interrupts import stop_on_interrupt
    from twicetold.cli.live_call import hear, opened, play

    with stop_on_interrupt() as stopped:
        if file is not None:
            async with opened(file) as decoding:
                await play(server, call_id, language, decoding, stopped)
        else:
            await hear(server, call_id, language, stopped)
    note(f"The call is kept. Its better transcript: twicetold calls show {call_id}")
