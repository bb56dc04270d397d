"""``twicetold worker live|record|batch``: one part of the work, in a process of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from twicetold.choice.wishes import Use
from twicetold.cli.console import say
from twicetold.cli.options import (
    BatchEngineOption,
    ConfigOption,
    DataDirOption,
    LanguageOption,
    LiveEngineOption,
    LogLevelOption,
    SetOption,
    TenantsFileOption,
    settings_of,
)
from twicetold.cli.process import last_words_logged, run_process
from twicetold.config import Settings

HealthHostOption = Annotated[
    str, typer.Option("--host", help="Where /healthz, /readyz and /metrics answer.")
]
HealthPortOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Their port; 0: any free one.")
]
_LOCAL = "127.0.0.1"
LIVE_PORT, RECORD_PORT, BATCH_PORT = 8301, 8302, 8303

_USES: dict[str, tuple[Use, ...]] = {
    "live": (Use.LIVE, Use.LIVE_FINAL),
    "record": (),
    "batch": (Use.BATCH,),
}

app = typer.Typer(
    help="Run one part of the work alone: captions, recordings or transcripts. Several may run.",
    no_args_is_help=True,
)


@app.command("live")
@last_words_logged
def live(
    host: HealthHostOption = _LOCAL,
    port: HealthPortOption = LIVE_PORT,
    data_dir: DataDirOption = None,
    live_engine: LiveEngineOption = None,
    config: ConfigOption = None,
    log_level: LogLevelOption = None,
    set_: SetOption = None,
) -> None:
    """Write the captions of running calls. Several share them.

    Needs a broker that processes share (kafka:// or rabbitmq://). SIGTERM has the others go on
    with its calls. The first line on stdout says that it is ready.
    """
    settings = settings_of(
        sets=set_, data_dir=data_dir, live_engine=live_engine, config=config, log_level=log_level
    ).settings
    run_process(settings, _work("live", settings, host, port))


@app.command("record")
@last_words_logged
def record(
    host: HealthHostOption = _LOCAL,
    port: HealthPortOption = RECORD_PORT,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    log_level: LogLevelOption = None,
    set_: SetOption = None,
) -> None:
    """Write recordings and drafts, and close calls that were abandoned. Several share them.

    Needs a broker that processes share (kafka:// or rabbitmq://). SIGTERM has the others go on
    with its calls. The first line on stdout says that it is ready.
    """
    settings = settings_of(
        sets=set_, data_dir=data_dir, config=config, log_level=log_level
    ).settings
    run_process(settings, _work("record", settings, host, port))


@app.command("batch")
@last_words_logged
def batch(
    host: HealthHostOption = _LOCAL,
    port: HealthPortOption = BATCH_PORT,
    data_dir: DataDirOption = None,
    tenants_file: TenantsFileOption = None,
    batch_engine: BatchEngineOption = None,
    language: LanguageOption = None,
    config: ConfigOption = None,
    log_level: LogLevelOption = None,
    set_: SetOption = None,
) -> None:
    """Make the canonical transcripts, and look after recordings that arrive. Several share them.

    Needs a broker that processes share (kafka:// or rabbitmq://), to say how far it is. SIGTERM
    has it give back its jobs, which go on where they are. The first line on stdout says that it
    is ready.
    """
    settings = settings_of(
        sets=set_,
        data_dir=data_dir,
        tenants_file=tenants_file,
        batch_engine=batch_engine,
        language=language,
        config=config,
        log_level=log_level,
    ).settings
    run_process(settings, _work("batch", settings, host, port))


async def _work(name: str, settings: Settings, host: str, port: int) -> None:
    import asyncio
    import importlib

    from twicetold.cli.auto import with_engines_chosen

    apart = await asyncio.to_thread(importlib.import_module, "twicetold.wiring.apart")
    worker = apart.Worker(name)
    settings = await with_engines_chosen(settings, _USES[name])

    def ready(url: str) -> None:
        say(f"Twicetold {worker.role} is ready; health at {url}")

    await apart.work(worker, settings, host, port, ready=ready)
