"""``twicetold serve``: all roles in one process."""

from __future__ import annotations

import contextlib

from twicetold.cli.options import (
    BatchEngineOption,
    ConfigOption,
    DataDirOption,
    HostOption,
    LanguageOption,
    LiveEngineOption,
    LogLevelOption,
    PortOption,
    SetOption,
    TenantsFileOption,
    settings_of,
)
from twicetold.cli.process import last_words_logged, ready_gateway, run_process
from twicetold.config import Settings
from twicetold.errors import TwicetoldError


@last_words_logged
def serve(
    host: HostOption = None,
    port: PortOption = None,
    data_dir: DataDirOption = None,
    tenants_file: TenantsFileOption = None,
    live_engine: LiveEngineOption = None,
    batch_engine: BatchEngineOption = None,
    language: LanguageOption = None,
    config: ConfigOption = None,
    log_level: LogLevelOption = None,
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
    run_process(settings, _serving(settings))


async def _serving(settings: Settings) -> None:
    """The engine's hosts load their models while this process imports the rest of the server."""
    import asyncio
    import importlib

    from twicetold.cli.auto import with_engines_chosen
    from twicetold.parts import open_live_engines

    settings = await with_engines_chosen(settings)
    loading = asyncio.create_task(open_live_engines(settings))
    try:
        together = await asyncio.to_thread(importlib.import_module, "twicetold.wiring.together")
        await together.serve(settings, ready=ready_gateway, loading=loading)
    finally:
        loading.cancel()
        with contextlib.suppress(asyncio.CancelledError, TwicetoldError):
            await (await loading).aclose()
