"""Shadows of a tenant's calls as a terminal shows them."""

from __future__ import annotations

from rich.table import Table

from twicetold.cli.console import clock
from twicetold.transcripts import Shadow
from twicetold.transcripts.shadow_totals import FEWEST_CALLS, ShadowTotals


def summary(totals: ShadowTotals, worst: int) -> list[Table]:
    """Two engines against each other, then the ``worst`` calls."""
    head = Table(box=None, pad_edge=False, show_header=False)
    head.add_column(no_wrap=True, style="dim")
    head.add_column(overflow="fold")
    for name, value in _lines(totals):
        head.add_row(name, value)
    return [head, _calls(totals.worst[:worst])] if worst else [head]


def _lines(totals: ShadowTotals) -> list[tuple[str, str]]:
    errors, drafted = totals.errors, totals.drafted
    drafts = []
    if totals.pass_ == "live" and drafted is not None:
        draft, shadow, calls = drafted
        drafts = [("draft", f"{draft:.1%}, the shadow {shadow:.1%}, of the {calls} with a draft")]
    return [
        ("shadow", f"{totals.engine} ({totals.pass_})"),
        ("canonical", totals.canonical_engine),
        ("calls", f"{len(totals.shadows)}, {clock(totals.audio_s)}"),
        ("difference", _difference(totals)),
        *drafts,
        (
            "made of",
            f"{errors.substitutions} words replaced, {errors.insertions} more, "
            f"{errors.deletions} fewer",
        ),
        ("words", f"{totals.words}, canonical {errors.reference_words}"),
        ("speed", _speed(totals.rtfx)),
        ("normaliser", ", ".join(totals.normalisers)),
    ]


def _difference(totals: ShadowTotals) -> str:
    """Per canonical word, with its bounds or why there are none."""
    rate, interval = f"{totals.errors.wer:.1%}", totals.interval()
    if interval is None:
        return f"{rate} (fewer than {FEWEST_CALLS} calls say little about others)"
    return f"{rate}, 95 % between {interval.low:.1%} and {interval.high:.1%}"


def _calls(shadows: list[Shadow]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    widest = max(len(shadow.key.call_id) for shadow in shadows)
    table.add_column("call", no_wrap=True, min_width=widest)  # an id is there to be copied
    for title in ("length", "difference", "replaced", "more", "fewer", "words", "speed"):
        table.add_column(title, justify="right", no_wrap=True)
    for shadow in shadows:
        table.add_row(
            shadow.key.call_id,
            clock(shadow.audio_s),
            f"{shadow.difference:.1%}",
            str(shadow.substitutions),
            str(shadow.insertions),
            str(shadow.deletions),
            f"{shadow.words} / {shadow.canonical_words}",
            _speed(shadow.rtfx),
        )
    return table


def _speed(rtfx: float | None) -> str:
    return "–" if rtfx is None else f"{rtfx:.1f} ×"
