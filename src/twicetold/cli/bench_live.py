"""``twicetold bench live``: how many calls this machine captions at once, and how quickly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from twicetold.cli.console import run
from twicetold.cli.options import ConfigOption, KeyOption, settings_of
from twicetold.errors import SettingError


def bench_live(
    concurrency: Annotated[
        str, typer.Option(metavar="N,N,…", help="Numbers of calls at once, one after the other.")
    ] = "1,2,4,8",
    seconds: Annotated[float, typer.Option(min=10, help="How long each number is kept up.")] = 60.0,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Your recording; each channel is a call (default: the sample calls).",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="Write live.json, live.png and live.svg."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="A running server (default: one of our own)."),
    ] = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    language: Annotated[str | None, typer.Option(help="Language that is spoken.")] = None,
) -> None:
    """Play calls at their real speed, so many at once, and measure how long captions take.

    A latency counts from the moment a word was spoken to the moment its caption arrives; the
    silence that ends an utterance is in it. Needs the time that it measures.
    """
    from twicetold.cli.bench_latency import measure

    calls = _numbers(concurrency)
    spoken = language or settings_of(config=config).settings.language
    run(
        measure(calls, seconds=seconds, file=file, output=output, url=url, key=key, language=spoken)
    )


def _numbers(text: str) -> list[int]:
    """``1,2,4`` as numbers. Raises SettingError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 1 <= int(part) <= 1000 for part in parts):
        raise SettingError(
            f"concurrency got {text!r}; it takes numbers from 1 to 1000.",
            "For example: --concurrency 1,2,4,8",
        )
    return [int(part) for part in parts]
