"""The picture of an evaluation: word errors against speed, and how they spread over recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from twicetold.cli.pictures import pyplot, write_picture
from twicetold.evaluation import Pass
from twicetold.evaluation.figures import EngineFigures

_COLOURS = ("#2457a6", "#b3541e", "#2f7d4f", "#7a3e9d", "#8a6d00", "#555555")

_MOST_DRAWN = 120.0  # percent: one short recording with many words must not flatten the others


def draw(rows: Sequence[EngineFigures], path: Path) -> None:
    """As PNG or SVG, by the suffix. Raises MissingExtra."""
    plotting = pyplot()
    drawn = [row for row in rows if row.wer is not None and row.rtfx is not None]
    colours = [_COLOURS[number % len(_COLOURS)] for number in range(len(drawn))]
    figure, (left, right) = plotting.subplots(1, 2, figsize=(10, 4), layout="constrained")
    _draw_speed(left, drawn, colours)
    _draw_spread(right, drawn, colours)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(figure, path)
    plotting.close(figure)


def _draw_speed(axis: Any, rows: Sequence[EngineFigures], colours: Sequence[str]) -> None:
    """The rate over all words, with its interval where there is one."""
    top = 1.0
    for row, colour in zip(rows, colours, strict=True):
        wer, interval = 100 * (row.wer or 0.0), row.interval
        low, high = (100 * interval.low, 100 * interval.high) if interval else (wer, wer)
        marker = "o" if row.pass_ is Pass.BATCH else "^"
        style = {"fmt": marker, "color": colour, "capsize": 3, "label": row.name}
        axis.errorbar([row.rtfx], [wer], [[wer - low], [high - wer]], **style)
        top = max(top, high)
    axis.set(title="word errors against speed", xlabel="RTFx", ylabel="WER, %", ylim=(0, 1.3 * top))
    axis.set_xscale("log")
    axis.margins(x=0.2)
    for ticks in (axis.xaxis.set_major_formatter, axis.xaxis.set_minor_formatter):
        ticks("{x:g}")
    if rows:
        axis.legend(frameon=False, fontsize=8)


def _draw_spread(axis: Any, rows: Sequence[EngineFigures], colours: Sequence[str]) -> None:
    """One dot a recording on top of the quartiles."""
    random = np.random.default_rng(1)
    rates = [[min(_MOST_DRAWN, 100 * each.errors.wer) for each in row.files] for row in rows]
    if rates:
        median = {"color": "black"}
        axis.boxplot(rates, widths=0.5, showfliers=False, medianprops=median)
    for place, (each, colour) in enumerate(zip(rates, colours, strict=True), 1):
        beside = place + random.uniform(-0.12, 0.12, len(each))
        axis.plot(beside, each, ".", color=colour, alpha=0.6)
    names = [row.name for row in rows]
    axis.set_xticks(range(1, len(rows) + 1), names, fontsize=8, rotation=12)
    axis.set(title=f"each recording ({_MOST_DRAWN:g} % and above on top)", ylabel="WER, %")
