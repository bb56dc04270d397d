"""What ``twicetold eval`` shows in a terminal: how far it is, tables, and remarks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.progress import MofNCompleteColumn, TimeRemainingColumn
from rich.table import Table

from twicetold.cli.bars import Bars
from twicetold.cli.console import clock, err, note
from twicetold.evaluation.figures import EngineFigures, FileFigures, normalisers
from twicetold.evaluation.reference import Scored

_RTFX = (
    "RTFx: audio seconds a second of work, one recording after another, the engine warm; "
    "decoding and finding speech are in it."
)


class EvaluationProgress(Bars):
    """A bar for the engine that is judged, and a line for each that has been."""

    def __init__(self) -> None:
        super().__init__(err(), MofNCompleteColumn(), TimeRemainingColumn())

    def begin(self, name: str, recordings: int) -> Callable[[float], None]:
        """Returns what takes how many recordings are done."""
        task = self._bars.add_task(name, total=recordings)
        return lambda done: self._bars.update(task, completed=done)

    def end(self, row: EngineFigures) -> None:
        for task in list(self._bars.task_ids):
            self._bars.remove_task(task)
        wer = "" if row.wer is None else f", {_percent(row.wer)} wrong"
        note(f"{row.name}: {_count(len(row.files), 'recording')}, {clock(row.audio_s)} long{wer}")


def table_of(rows: Sequence[EngineFigures]) -> Table:
    """A line an engine and pass."""
    names = " and ".join(normalisers(rows)) or "no words"
    table = _table(f"Word errors after {names}. {_RTFX}")
    priced = any(row.price is not None for row in rows)
    troubled = any(row.broken or row.failures or row.left_out for row in rows)
    # Where a terminal is narrow the name folds: a figure that is cut is another figure.
    table.add_column("Engine", overflow="fold", min_width=8)
    table.add_column("Pass", no_wrap=True)
    heads = ["Files", "Words", "WER", "95 %", "Sub", "Ins", "Del", "RTFx"]
    costs, troubles = ["Price/h", "Cost"] * priced, ["Failed", "Out"] * troubled
    for head in [*heads, *costs, *troubles]:
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        further = [*(_costs(row) if priced else []), *(_troubles(row) if troubled else [])]
        table.add_row(*_cells(row), *further)
    return table


def _table(caption: str) -> Table:
    """Without lines between columns, which take a terminal's room from the figures."""
    return Table(
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
        caption=caption,
        caption_justify="left",
    )


def _cells(row: EngineFigures) -> list[str]:
    errors, interval = row.errors, row.interval
    between = "–"
    if interval is not None:
        between = f"{100 * interval.low:.1f}–{100 * interval.high:.1f}"
    kinds = (errors.substitutions, errors.insertions, errors.deletions)
    return [
        row.engine,
        row.pass_,
        str(len(row.files)),
        str(errors.reference_words),
        "–" if row.wer is None else _percent(row.wer),
        between,
        *(str(kind) for kind in kinds),
        "–" if row.rtfx is None else f"{row.rtfx:.1f}",
    ]


def _costs(row: EngineFigures) -> list[str]:
    if row.price is None or row.cost is None:
        return ["–", "–"]
    return [f"{row.price:g}", f"{row.cost:.4f}"]


def _troubles(row: EngineFigures) -> list[str]:
    return [
        "all" if row.broken and not row.files else str(len(row.failures)),
        str(len(row.left_out)),
    ]


def files_table(rows: Sequence[EngineFigures]) -> Table:
    """A line a recording, those with the most errors a word first; a column an engine and pass."""
    table = _table("In brackets: substitutions, insertions, deletions.")
    table.add_column("Recording", overflow="fold")
    for head in ("Audio", "Words"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        table.add_column(row.name, justify="right", overflow="fold")
    heard: dict[str, list[FileFigures | None]] = {}
    for number, row in enumerate(rows):
        for each in row.files:
            heard.setdefault(each.name, [None] * len(rows))[number] = each
        for failed in row.failures:
            heard.setdefault(failed.name, [None] * len(rows))
    for name, found in sorted(heard.items(), key=lambda pair: (-_worst(pair[1]), pair[0])):
        known = next((each for each in found if each is not None), None)
        about = ["–", "–"]
        if known is not None:
            about = [f"{known.audio_s:.1f} s", str(known.errors.reference_words)]
        table.add_row(name, *about, *(_file_cell(each) for each in found))
    return table


def _file_cell(each: FileFigures | None) -> str:
    if each is None:
        return "–"
    errors = each.errors
    kinds = f"{errors.substitutions} {errors.insertions} {errors.deletions}"
    return f"{_percent(errors.wer)} ({kinds})"


def _worst(found: Sequence[FileFigures | None]) -> float:
    return max((each.errors.wer for each in found if each is not None), default=float("inf"))


def remarks(rows: Sequence[EngineFigures]) -> Iterator[str]:
    """What a reader of the table should know: failures by name, and what was counted how."""
    for row in rows:
        for failed in row.failures:
            yield f"{row.name} failed on {failed.name}: {failed.reason}"
        for reason in dict.fromkeys(each.reason for each in row.left_out):
            yield f"{row.name}: {reason} Such recordings are left out."
    if len({frozenset(each.name for each in row.files) for row in rows}) > 1:
        yield "Not every engine heard the same recordings; comparisons are over those both heard."
    ways = {each.scored for row in rows for each in row.files} - {Scored.WHOLE}
    if ways:
        yield f"Recordings of several channels were scored with {' or '.join(sorted(ways))}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
