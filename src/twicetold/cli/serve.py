"""``twicetold serve``: all roles in one process."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from twicetold.cli.console import note, run, say
from twicetold.cli.options import ConfigOption, DataDirOption, SetOption, settings_of
from twicetold.config import LOG_LEVELS, Settings
from twicetold.errors import TwicetoldError
from twicetold.gateway.page_folder import HOW_TO_BUILD, is_built


def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind to.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0: any free one.")] = None,
    data_dir: DataDirOption = None,
    tenants_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Tenants and their hashed keys.")
    ] = None,
    live_engine: Annotated[str | None, typer.Option(help="Engine for live captions.")] = None,
    batch_engine: Annotated[
        str | None, typer.Option(help="Engine for the canonical transcript.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Language of calls that name none.")] = None,
    config: ConfigOption = None,
    log_level: Annotated[str | None, typer.Option(help=", ".join(LOG_LEVELS) + ".")] = None,
    set_: SetOption = None,
) -> None:
    """Run the server: live captions, recordings, transcripts, the API. Ctrl-C stops it.

    The first line on stdout is its address; logs go to stderr.
    """
    from twicetold.tenants import refuse_open_door

    settings = settings_of(
        sets=set_,
        host=host,
        port=port,
        data_dir=data_dir,
        tenants_file=tenants_file,
        live_engine=live_engine,
        batch_engine=batch_engine,
        language=language,
        config=config,
        log_level=log_level,
    ).settings
    refuse_open_door(settings.host, settings.tenants_path)
    _run(settings)


def _run(settings: Settings) -> None:
    from twicetold.observe.logging import configure

    configure(settings.log_level)
    serving = _serving(settings)
    if sys.platform == "win32":
        run(serving)
    else:
        import uvloop

        uvloop.run(serving)


async def _serving(settings: Settings) -> None:
    """The engine's hosts load their models while this process imports the rest of the server."""
    import asyncio
    import importlib

    from twicetold.parts import open_live

    loading = asyncio.create_task(
        open_live(
            settings.live_engine, hosts=settings.live_hosts, timeout_s=settings.engine_timeout_s
        )
    )
    try:
        wiring = await asyncio.to_thread(importlib.import_module, "twicetold.wiring")
        await wiring.serve(settings, ready=_ready, loading=loading)
    finally:
        loading.cancel()
        with contextlib.suppress(asyncio.CancelledError, TwicetoldError):
            await (await loading).aclose()


def _ready(url: str) -> None:
    say(f"Twicetold listens at {url}")
    if not is_built():
        note(f"Without its page for browsers; to get it: {HOW_TO_BUILD}")
