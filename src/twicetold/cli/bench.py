"""``twicetold bench``: how fast this machine is. Each measurement has a file of its own."""

from __future__ import annotations

import typer

from twicetold.cli.bench_batch import bench_batch
from twicetold.cli.bench_live import bench_live

app = typer.Typer(help="Measure this machine: batch, live.", no_args_is_help=True)
app.command("batch")(bench_batch)
app.command("live")(bench_live)


@app.callback()
def _bench() -> None:
    """Measure this machine: batch, live."""
