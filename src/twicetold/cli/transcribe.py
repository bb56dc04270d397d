"""``twicetold transcribe``: recordings to text on this machine, without a server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twicetold.cli.console import err, expected_error, note, out, report, run
from twicetold.cli.options import ConfigOption, SetOption, settings_of
from twicetold.cli.recordings import Recording, find_recordings, output_names, write_whole
from twicetold.errors import BadParameter

if TYPE_CHECKING:
    from twicetold.batch.pipeline import FileTranscript, Tools
    from twicetold.config import Settings


class Form(StrEnum):
    TXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"


def transcribe(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE|DIR|GLOB", help="Recordings, or folders of them.")
    ],
    form: Annotated[Form, typer.Option("--format", "-f", help="What to write.")] = Form.TXT,
    output_dir: Annotated[
        Path | None,
        typer.Option("--output-dir", "-o", metavar="DIR", help="One file a recording, in here."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, max=64, help="Recordings at once.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Language that is spoken.")] = None,
    engine: Annotated[str | None, typer.Option(help="Engine that transcribes.")] = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Transcribe recordings. One goes to stdout, several into --output-dir.

    A recording that fails does not stop the others; the exit code is then 1.
    """
    from twicetold.observe.logging import configure

    loaded = settings_of(sets=set_, language=language, batch_engine=engine, config=config)
    quiet = loaded.sources["log_level"] == "default"
    configure("error" if quiet else loaded.settings.log_level)
    recordings, missing = find_recordings(files)
    for name in missing:
        report(BadParameter(f"{name}: there is no recording of that name."))
    if len(recordings) + len(missing) > 1 and output_dir is None:
        raise typer.BadParameter("several recordings need a place to go: add --output-dir DIR")
    failed = len(missing)
    if recordings:
        work = _Work(loaded.settings, form, output_dir, recordings)
        failed += run(work.run(jobs))
    if failed:
        note(f"{failed} of {len(recordings) + len(missing)} failed.")
        raise typer.Exit(1)


class _Work:
    """All recordings of one command line."""

    def __init__(
        self,
        settings: Settings,
        form: Form,
        output_dir: Path | None,
        recordings: Sequence[Recording],
    ) -> None:
        from twicetold.cli.progress import AudioProgress

        self._settings, self._form = settings, form
        self._output_dir, self._recordings = output_dir, recordings
        self._names = output_names(recordings, f".{form}")
        self._progress = AudioProgress(err(), len(recordings))
        self._for_stdout: list[tuple[Recording, FileTranscript]] = []

    async def run(self, jobs: int | None) -> int:
        """Transcribe them all, ``jobs`` at once. Returns how many failed."""
        import asyncio

        from twicetold.choice.wishes import Use
        from twicetold.cli.auto import with_engines_chosen
        from twicetold.wiring import passes

        settings = await with_engines_chosen(self._settings, (Use.BATCH,))
        async with passes.batch_tools(settings) as tools:
            at_once = asyncio.Semaphore(jobs or min(4, max(2, tools.engine.parallel)))

            async def one(recording: Recording) -> bool:
                async with at_once:
                    return await self._one(recording, tools)

            with self._progress:
                done = await asyncio.gather(*(one(recording) for recording in self._recordings))
        for recording, transcript in self._for_stdout:  # not before the bars are gone
            out().file.writelines(rendered(transcript, self._form, recording.path.name))
            out().file.flush()
        return done.count(False)

    async def _one(self, recording: Recording, tools: Tools) -> bool:
        """Transcribe one recording; what is wrong with it is said, not raised."""
        import asyncio

        name = str(recording.name)
        try:
            transcript = await self._transcript(recording, tools, self._progress.begin(name))
            await asyncio.to_thread(self._write, recording, transcript)
        except Exception as error:
            expected = expected_error(error)
            if expected is None:
                raise
            self._progress.end(name)
            note(f"{recording.path}:")
            report(expected)
            return False
        self._progress.end(name, transcript.length_s)
        return True

    async def _transcript(
        self, recording: Recording, tools: Tools, on_progress: Callable[[float, float], None]
    ) -> FileTranscript:
        from twicetold.batch.pipeline import transcribe_file
        from twicetold.wiring.passes import batch_settings

        settings = self._settings
        return await transcribe_file(
            recording.path,
            tools,
            language=settings.language,
            settings=batch_settings(settings).chunking,
            on_progress=on_progress,
        )

    def _write(self, recording: Recording, transcript: FileTranscript) -> None:
        if self._output_dir is None:
            self._for_stdout.append((recording, transcript))
            return
        pieces = rendered(transcript, self._form, recording.path.name)
        write_whole(self._output_dir / self._names[recording.path], pieces)


def rendered(transcript: FileTranscript, form: Form, name: str) -> Iterator[str]:
    """A transcript as text, in pieces."""
    from twicetold.speech import subtitles

    if form is Form.JSON:
        yield json.dumps(_as_data(transcript, name), indent=2, ensure_ascii=False) + "\n"
        return
    render = {
        Form.TXT: subtitles.to_txt,
        Form.SRT: subtitles.to_srt,
        Form.VTT: subtitles.to_vtt,
    }[form]
    yield from render(transcript.segments)


def _as_data(transcript: FileTranscript, name: str) -> dict[str, Any]:
    return {
        "file": name,
        "engine": transcript.engine,
        "length_s": round(transcript.length_s, 3),
        "channels": transcript.channels,
        "segments": [segment.to_dict() for segment in transcript.segments],
    }
