"""``twicetold bench``: how fast this machine is. Each measurement has a file of its own."""

from __future__ import annotations

import typer

from twicetold.cli.bench_batch import bench_batch

app = typer.Typer(help="Measure this machine: batch, live.", no_args_is_help=True)
app.command("batch")(bench_batch)


@app.callback()
def _bench() -> None:
    """Measure this machine: batch, live."""
