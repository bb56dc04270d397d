"""``twicetold gateway``: what clients talk to, in a process of its own."""

from __future__ import annotations

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


@last_words_logged
def gateway(
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
    """Run the gateway alone: the API, live connections, the page. Several may run.

    Needs a broker that processes share (kafka:// or rabbitmq://), and workers: twicetold worker.
    The first line on stdout is its address, once it takes calls; /readyz says what it waits for.
    SIGTERM has its clients go on at another gateway.
    """
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
    run_process(settings, _gateway(settings))


async def _gateway(settings: Settings) -> None:
    import asyncio
    import importlib

    from twicetold.cli.auto import with_engines_chosen

    apart = await asyncio.to_thread(importlib.import_module, "twicetold.wiring.apart")
    settings = await with_engines_chosen(settings, ())  # they work elsewhere
    await apart.gateway(settings, ready=ready_gateway)
