"""``twicetold bench batch``: what the batch pass costs over the engine alone, on this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twicetold.cli.console import err, note, run, say, show
from twicetold.cli.options import ConfigOption, SetOption, settings_of
from twicetold.cli.recordings import find_recordings, write_whole
from twicetold.cli.samples import samples_folder
from twicetold.errors import BadParameter, RecordingNotFound

if TYPE_CHECKING:
    from rich.table import Table

    from twicetold.batch.measuring import BatchFigures
    from twicetold.config import Settings


def bench_batch(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Recordings; none: the sample calls."),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="Engine that transcribes.")] = None,
    language: Annotated[str | None, typer.Option(help="Language that is spoken.")] = None,
    json_: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures here too.")
    ] = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """How fast recordings are transcribed, and what the pass costs over the engine alone."""
    from twicetold.observe.logging import configure

    settings = settings_of(
        sets=set_, batch_engine=engine, language=language, config=config
    ).settings
    configure("error")
    figures = run(_measured(_recordings(files or []), settings))
    show(_table(figures))
    if json_ is not None:
        body = {"engine": settings.batch_engine, "files": [each.to_dict() for each in figures]}
        write_whole(json_, [json.dumps(body, indent=2) + "\n"])
        note(f"Written to {json_}.")
    say(_summary(figures[-1], settings.batch_engine))


def _recordings(named: Sequence[str]) -> list[Path]:
    """The recordings to measure with. Raises RecordingNotFound, BadParameter."""
    folder = samples_folder()
    if named:
        found, missing = find_recordings(named)
        if missing:
            raise BadParameter(f"{missing[0]}: there is no recording of that name.")
        return [recording.path for recording in found]
    samples = sorted(folder.glob("*.stereo.flac")) if folder is not None else []
    if not samples:
        raise RecordingNotFound(
            "The sample calls are in the repository; this installation has none.",
            "Name recordings of your own: twicetold bench batch FILE...",
        )
    return samples


async def _measured(paths: Sequence[Path], settings: Settings) -> list[BatchFigures]:
    """Each file's figures, and those of all."""
    from rich.status import Status

    from twicetold.batch.measuring import measure, total, warm_up
    from twicetold.wiring import passes

    chunking = passes.batch_settings(settings).chunking
    figures: list[BatchFigures] = []
    with Status("The engine loads.", console=err()) as status:
        async with passes.batch_tools(settings) as tools:
            await warm_up(tools, settings.language)
            for path in paths:
                status.update(path.name)
                language = settings.language
                figures.append(await measure(path, tools, language=language, settings=chunking))
    return [*figures, total(figures)]


def _table(figures: Sequence[BatchFigures]) -> Table:
    from rich.table import Table

    table = Table(caption="Seconds. Listening is decoding, finding speech and cutting it.")
    for name in ("File", "Audio", "Speech", "Decode", "Listen", "Engine alone", "Whole pass"):
        table.add_column(name, justify="left" if name == "File" else "right")
    table.add_column("RTFx", justify="right")
    table.add_column("Overhead", justify="right")
    for each in figures:
        if each is figures[-1]:
            table.add_section()
        seconds = (each.audio_s, each.speech_s, each.decode_s, each.listen_s, each.engine_s)
        table.add_row(
            each.file,
            *(f"{value:.1f}" for value in (*seconds, each.wall_s)),
            f"{each.rtfx:.1f}",
            f"{each.overhead:.2f}",
        )
    return table


def _summary(all_: BatchFigures, engine: str) -> str:
    hosts = "one process" if all_.hosts == 1 else f"{all_.hosts} processes"
    return (
        f"{engine} in {hosts}: {all_.rtfx:.1f} times as fast as speech; "
        f"the pass takes {all_.overhead:.2f} times as long as the engine alone."
    )
