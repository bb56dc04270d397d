"""``twicetold``: the entry point. Commands import what is heavy when they run."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from twicetold import __version__
from twicetold.cli import (
    bench,
    calls,
    config,
    demo,
    doctor,
    evaluate,
    gateway,
    jobs,
    leads,
    listen,
    models,
    redact,
    rules,
    search,
    serve,
    shadow,
    tenants,
    transcribe,
    usage,
    webhooks,
    worker,
)
from twicetold.cli.console import expected_error, report, say

app = typer.Typer(
    name="twicetold",
    help="Live captions while people speak, a better transcript when the call is over.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_SERVER, _OWN, _ROLES = "Run and try", "Look after it", "Run in many processes"
app.command("demo", rich_help_panel=_SERVER)(demo.demo)
app.command("serve", rich_help_panel=_SERVER)(serve.serve)
app.command("transcribe", rich_help_panel=_SERVER)(transcribe.transcribe)
app.command("listen", rich_help_panel=_SERVER)(listen.listen)
app.command("redact", rich_help_panel=_SERVER)(redact.redact)
app.command("gateway", rich_help_panel=_ROLES)(gateway.gateway)
app.add_typer(worker.app, name="worker", rich_help_panel=_ROLES)
app.add_typer(calls.app, name="calls", rich_help_panel="Read")
app.command("search", rich_help_panel="Read")(search.search)
app.add_typer(jobs.app, name="jobs", rich_help_panel=_OWN)
app.add_typer(models.app, name="models", rich_help_panel=_OWN)
app.add_typer(tenants.app, name="tenants", rich_help_panel=_OWN)
app.add_typer(shadow.app, name="shadow", rich_help_panel=_OWN)
app.add_typer(rules.app, name="rules", rich_help_panel=_OWN)
app.add_typer(leads.app, name="leads", rich_help_panel=_OWN)
app.add_typer(webhooks.app, name="webhooks", rich_help_panel=_OWN)
app.command("usage", rich_help_panel=_OWN)(usage.usage)
app.command("config", rich_help_panel=_OWN)(config.config)
app.add_typer(bench.app, name="bench", rich_help_panel=_OWN)
app.command("eval", rich_help_panel=_OWN)(evaluate.evaluate)
app.command("doctor", rich_help_panel=_OWN)(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"twicetold {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Live captions while people speak, a better transcript when the call is over."""


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 an error (said on stderr), 2 wrong usage,
    130 stopped by Ctrl-C."""
    # Several threads for small matrices cost 2.6 times the CPU, and live calls are beside them.
    # NumPy reads it as it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        expected = expected_error(error)
        if expected is None:
            raise
        report(expected)
        sys.exit(1)
