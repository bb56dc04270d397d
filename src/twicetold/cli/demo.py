"""``twicetold demo``: the main job on a sample call, from the first caption to both transcripts."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from twicetold.cli.console import run
from twicetold.cli.options import settings_of


def demo(
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", exists=True, dir_okay=False, help="Your recording."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when all is shown.")] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="DIR", help="Keep everything here (default: nowhere)."),
    ] = None,
    language: Annotated[str | None, typer.Option(help="Language that is spoken.")] = None,
) -> None:
    """Start a server, play a call into it as if it were happening now, and show both tellings:
    the captions as they come, and the better transcript after the call.

    Exit code 0 means that all of it really worked.
    """
    from twicetold.cli.both_tellings import BothTellings
    from twicetold.cli.samples import sample_call
    from twicetold.evaluation.beside import sample_reference

    recording = file or sample_call()
    spoken = language or settings_of().settings.language
    with _data_dir(data_dir) as folder:
        run(BothTellings(recording, sample_reference(recording), folder, spoken, once=once).run())


@contextlib.contextmanager
def _data_dir(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
    else:
        with tempfile.TemporaryDirectory(prefix="twicetold-demo-") as folder:
            yield Path(folder)
