"""``twicetold eval``: engines side by side on recordings of which it is known what is said."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twicetold.cli.console import note, run, say, show
from twicetold.cli.options import ConfigOption, SetOption, settings_of
from twicetold.cli.recordings import find_recordings, write_whole
from twicetold.errors import BadParameter, RecordingNotFound, SettingError, TwicetoldError

if TYPE_CHECKING:
    from twicetold.config import Settings
    from twicetold.evaluation import Pass
    from twicetold.evaluation.corpus import Corpus, Item
    from twicetold.evaluation.figures import EngineFigures

_EXPECTED = (
    "Put what is said beside each one: FILE.txt for FILE.wav (or FILE.json, .srt, .vtt as "
    "Twicetold writes them, or LibriSpeech's .trans.txt), or in manifest.tsv (path, text)."
)


class Passes(StrEnum):
    BATCH = "batch"
    LIVE = "live"
    BOTH = "both"


def evaluate(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", exists=True, help="Recordings with references, or their manifest."
        ),
    ],
    engine: Annotated[
        list[str] | None,
        typer.Option(
            "--engine", metavar="ENGINE", help="May be repeated (default: those of the settings)."
        ),
    ] = None,
    pass_: Annotated[Passes, typer.Option("--pass", help="Judged by what.")] = Passes.BOTH,
    files: Annotated[bool, typer.Option("--files", help="A line for each recording too.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="So many of them, by lot; always the same."),
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(metavar="ENGINE=N", help="What an hour of audio costs; may be repeated."),
    ] = None,
    json_: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures here too.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw them here, as .png or .svg.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Language, where none is stated.")] = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Compare engines on recordings whose words are known: word errors, speed and cost.

    Live: as captions would have been; batch: as the canonical transcript. Ctrl-C shows what is
    done so far. A recording that fails is named and costs the others nothing; the exit code is
    then 1.
    """
    from twicetold.observe.logging import configure

    settings = settings_of(sets=set_, language=language, config=config).settings
    configure("error")
    if plot is not None:
        _refuse_unless_drawable(plot)
    rows = _rows(settings, engine or [], pass_)
    _set_prices(rows, price or [])
    items = _items(folder, limit)
    stopped = run(_evaluated(rows, items, settings))
    _show(rows, files=files)
    if json_ is not None:
        body = json.dumps(_as_data(folder, rows), indent=2, ensure_ascii=False)
        write_whole(json_, [body + "\n"])
        note(f"Written to {json_}.")
    if plot is not None:
        from twicetold.cli.evaluate_drawn import draw

        draw(rows, plot)
        note(f"Drawn in {plot}.")
    if stopped:
        note(f"Stopped before all {len(items)} recordings were heard.")
        raise typer.Exit(130)
    if any(row.failures or row.broken for row in rows):
        raise typer.Exit(1)


def _rows(settings: Settings, engines: Sequence[str], wanted: Passes) -> list[EngineFigures]:
    """What is to be judged. Raises SettingError for an engine that there is not, or that cannot."""
    from twicetold.evaluation import Pass
    from twicetold.evaluation.figures import EngineFigures
    from twicetold.parts import engine_info

    chosen = [each for each in Pass if wanted in (each.value, Passes.BOTH)]
    if engines:
        pairs = [(name, each) for name in dict.fromkeys(engines) for each in chosen]
    else:
        pairs = [(name, each) for each in chosen for name in _of_settings(settings, each)]
    rows = []
    for name, each in pairs:
        info = engine_info(name, settings.models_path)
        if info.batch if each is Pass.BATCH else info.live:
            rows.append(EngineFigures(name, each))
        elif wanted is not Passes.BOTH:
            raise SettingError(f"Engine {name!r} has no {each} pass.", "Choose another --pass.")
        else:
            note(f"Engine {name!r} has no {each} pass.")
    if not rows:
        raise SettingError("No engine is left to judge.", "Name one: --engine ENGINE")
    return rows


def _of_settings(settings: Settings, pass_: Pass) -> list[str]:
    """The engines that the settings name for a pass. Recordings go to a remote one only if
    ``allow_remote`` names it, or the command line the engine."""
    from twicetold.choice.wishes import Use
    from twicetold.evaluation import Pass
    from twicetold.parts import engine_info, wishes_of

    wishes = wishes_of(settings)
    names = []
    for wish in wishes.of(Use.BATCH if pass_ is Pass.BATCH else Use.LIVE):
        info = engine_info(wish.name, settings.models_path)
        if info.remote and info.name not in wishes.remotes:
            note(f"Left out, for it is remote: {wish.name}. To send it recordings: --engine")
        else:
            names.append(wish.name)
    return list(dict.fromkeys(names))


def _set_prices(rows: Sequence[EngineFigures], prices: Sequence[str]) -> None:
    for text in prices:
        name, _, amount = text.rpartition("=")
        named = [row for row in rows if row.engine == name]
        try:
            value = float(amount)
        except ValueError:
            value = math.nan
        if not named or not (math.isfinite(value) and value >= 0):
            raise SettingError(
                f"--price got {text!r}; it takes ENGINE=N, for an engine that is compared.",
                f"For example: --price {rows[0].engine}=0.36",
            )
        for row in named:
            row.price = value


def _items(folder: Path, limit: int | None) -> list[Item]:
    """The recordings with references; what is wrong with others is said.

    Raises RecordingNotFound where there are none.
    """
    from twicetold.evaluation.corpus import from_manifest, from_recordings, manifest_of, some_of

    manifest = manifest_of(folder)
    if manifest is not None:
        corpus = from_manifest(manifest)
    else:
        found, _ = find_recordings([str(folder)])
        if not found:
            raise RecordingNotFound(f"There are no recordings in {folder}.", _EXPECTED)
        corpus = from_recordings((each.path, str(each.name)) for each in found)
    _say_what_is_missing(corpus)
    if not corpus.items:
        raise RecordingNotFound(f"No recording in {folder} has a reference.", _EXPECTED)
    return corpus.items if limit is None else some_of(corpus.items, limit)


def _say_what_is_missing(corpus: Corpus) -> None:
    for error in corpus.unreadable:
        note(f"Left out: {error.message}")
    if corpus.items and corpus.without:
        some = ", ".join(corpus.without[:5]) + (", …" if len(corpus.without) > 5 else "")
        note(f"Without a reference, and left out: {len(corpus.without)} ({some})")


async def _evaluated(
    rows: Sequence[EngineFigures], items: Sequence[Item], settings: Settings
) -> bool:
    """Fill the rows, one after another. Returns whether the user stopped it."""
    from twicetold.cli.evaluate_shown import EvaluationProgress
    from twicetold.cli.interrupts import stop_on_interrupt
    from twicetold.evaluation import evaluating
    from twicetold.parts import open_decoder
    from twicetold.wiring.ears import open_ear

    with stop_on_interrupt() as stopped, EvaluationProgress() as progress:
        async with open_decoder() as decoder:
            for row in rows:
                if stopped.is_set():
                    break
                on_progress = progress.begin(row.name, len(items))
                try:
                    async with open_ear(settings, row.engine, row.pass_, decoder) as ear:
                        row.model = ear.model
                        await evaluating.evaluate(
                            ear,
                            items,
                            row,
                            language=settings.language,
                            stopped=stopped,
                            on_progress=on_progress,
                        )
                except TwicetoldError as error:
                    row.broken = evaluating.failure(row.engine, error)
                    note(f"{row.name}: {error.message} {error.hint}".strip())
                progress.end(row)
        return stopped.is_set()


def _show(rows: Sequence[EngineFigures], *, files: bool) -> None:
    from twicetold.cli.evaluate_shown import files_table, remarks, table_of
    from twicetold.evaluation.figures import comparisons

    if files:
        show(files_table(rows))
    show(table_of(rows))
    for comparison in comparisons(rows):
        say(comparison.sentence())
    for remark in remarks(rows):
        note(remark)


def _as_data(folder: Path, rows: Sequence[EngineFigures]) -> dict[str, Any]:
    from twicetold.evaluation.figures import comparisons, normalisers

    return {
        "folder": str(folder),
        "normalisers": normalisers(rows),
        "rows": [row.to_dict() for row in rows],
        "comparisons": [each.to_dict() for each in comparisons(rows)],
    }


def _refuse_unless_drawable(plot: Path) -> None:
    """Before an hour of work. Raises BadParameter, MissingExtra."""
    from twicetold.cli.pictures import pyplot

    if plot.suffix not in (".png", ".svg"):
        raise BadParameter(f"--plot got {plot.name!r}; it draws .png and .svg.")
    pyplot()
