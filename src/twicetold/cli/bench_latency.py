"""Latency of captions against the number of calls at once: the work behind ``bench live``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twicetold.cli.bench_calls import MESSAGE_S, Latencies, Samples, Script, latencies_of, play_all
from twicetold.cli.child import server_process
from twicetold.cli.console import err, note, show
from twicetold.cli.live_call import opened
from twicetold.cli.pictures import pyplot, write_picture
from twicetold.cli.samples import sample_call, samples_folder
from twicetold.errors import RecordingNotFound

if TYPE_CHECKING:
    from rich.table import Table

PERCENTILES = (50, 95, 99)
_SETTLE_S = 3.0


async def measure(
    concurrency: Sequence[int],
    *,
    seconds: float = 60.0,
    file: Path | None = None,
    output: Path | None = None,
    url: str | None = None,
    key: str | None = None,
    language: str = "en",
) -> dict[str, Any]:
    """Play so many calls at once, one number after the other, and report; see the command.

    Returns the figures, in seconds. Raises MissingExtra before anything else where there is an
    ``output`` and no matplotlib.
    """
    if output is not None:
        pyplot()
    sides = await _sides(file)
    steps = []
    async with _server(url) as address:
        for calls in concurrency:
            scripts = [_turned(sides, number, seconds) for number in range(calls)]
            with err().status(f"{calls} calls at once, {seconds:.0f} s …"):
                name = time.strftime(f"bench-%Y%m%d-%H%M%S-{calls}")
                heard = await play_all(address, name, scripts, key=key, language=language)
            steps.append(_step(calls, latencies_of(zip(scripts, heard, strict=True))))
    figures = {"seconds": seconds, "message_ms": round(1000 * MESSAGE_S), "steps": steps}
    show(table_of(steps))
    if output is not None:
        for path in await asyncio.to_thread(_write, figures, output):
            note(f"Wrote {path}")
    return figures


# --- what is played -----------------------------------------------------------------------


async def _sides(file: Path | None) -> list[tuple[Samples, int]]:
    """Every channel of the file, or of all sample calls, by itself."""
    sides: list[tuple[Samples, int]] = []
    for path in [file] if file is not None else _sample_calls():
        async with opened(path) as decoding:
            pcm = b"".join([block async for block in decoding.blocks()])
            channels, rate = decoding.info.channels, decoding.info.rate
        sound = np.frombuffer(pcm, "<i2").reshape(-1, channels)
        sides += [(np.ascontiguousarray(sound[:, channel]), rate) for channel in range(channels)]
    speaking = [(sound, rate) for sound, rate in sides if Script.of(sound, rate).speech]
    if not speaking:
        raise RecordingNotFound("Nobody speaks in this recording.", "Give another with --file.")
    return speaking


def _sample_calls() -> list[Path]:
    folder = samples_folder()
    return sorted(folder.glob("*.stereo.flac")) if folder is not None else [sample_call()]


def _turned(sides: Sequence[tuple[Samples, int]], number: int, seconds: float) -> Script:
    """One side of a call, begun at another place for each call, repeated for so long."""
    sound, rate = sides[number % len(sides)]
    places = [round(start * rate) for start, _ in Script.of(sound, rate).speech]
    begin = max(0, places[(number // len(sides)) % len(places)] - rate)
    turned = np.concatenate((sound[begin:], sound[:begin]))
    repeats = int(seconds * rate) // len(turned) + 1
    played = np.tile(turned, repeats)[: int(seconds * rate)]
    script = Script.of(played, rate)
    # What is cut off at either edge is no whole utterance.
    whole = [span for span in script.speech if span[0] > 0.1 and span[1] < seconds - 1.0]
    return Script(script.pcm, rate, tuple(whole))


@asynccontextmanager
async def _server(url: str | None) -> AsyncIterator[str]:
    """The server of that address, or one of our own without the batch pass's work."""
    if url is not None:
        yield url
        return
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="twicetold-bench-"))
        note("Starting a server …")
        server = await stack.enter_async_context(
            server_process(Path(folder), "--batch-engine", "null", "--log-level", "warning")
        )
        await asyncio.sleep(_SETTLE_S)
        yield server.url


# --- what comes of it ---------------------------------------------------------------------


def _step(calls: int, latencies: Latencies) -> dict[str, Any]:
    return {
        "calls": calls,
        "utterances": latencies.stretches,
        "without_words": latencies.without_words,
        "lagging": latencies.lagging,
        "unfinished": latencies.unfinished,
        "sent_late_s": round(latencies.late_s, 4),
        "final_s": _percentiles(latencies.final_s),
        "first_partial_s": _percentiles(latencies.first_partial_s),
    }


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return {f"p{percent}": None for percent in PERCENTILES}
    found = np.percentile(np.array(values), PERCENTILES)
    return {f"p{p}": round(float(v), 4) for p, v in zip(PERCENTILES, found, strict=True)}


def table_of(steps: Sequence[dict[str, Any]]) -> Table:
    """The figures for the terminal."""
    from rich.table import Table

    title = "Seconds from speech end to its final, and from speech start to its first partial"
    table = Table(title=title, title_justify="left")
    heads = ("calls", "said", "final p50", "p95", "p99", "first p50", "p95", "p99")
    for head in (*heads, "unheard", "lagging"):
        table.add_column(head, justify="right")
    for step in steps:
        final, first = step["final_s"].values(), step["first_partial_s"].values()
        latencies = ["–" if value is None else f"{value:.2f}" for value in (*final, *first)]
        counts = [str(step[name]) for name in ("calls", "utterances", "without_words", "lagging")]
        table.add_row(*counts[:2], *latencies, *counts[2:])
    return table


def _write(figures: dict[str, Any], output: Path) -> list[Path]:
    output.mkdir(parents=True, exist_ok=True)
    data = output / "live.json"
    data.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return [data, *draw(figures, output)]


def draw(figures: dict[str, Any], output: Path) -> list[Path]:
    """Latency against concurrency as ``live.png`` and ``live.svg``. Raises MissingExtra."""
    plotting = pyplot()
    steps = figures["steps"]
    calls = [step["calls"] for step in steps]
    figure, axes = plotting.subplots(1, 2, figsize=(9, 3.6), sharex=True, layout="constrained")
    titles = (
        ("final_s", "speech end → final", 1.0),
        ("first_partial_s", "speech start → first partial", 0.8),
    )
    for axis, (name, title, goal) in zip(axes, titles, strict=True):
        for percent, style in zip(PERCENTILES, ("-", "--", ":"), strict=True):
            heights = [step[name][f"p{percent}"] for step in steps]
            axis.plot(calls, heights, style, marker="o", color="#2457a6", label=f"p{percent}")
        axis.axhline(goal, color="#999999", linewidth=0.8)
        axis.annotate(f"goal for p95: {goal} s", (calls[0], goal), fontsize=8, va="bottom")
        axis.set(title=title, xlabel="calls at once", xticks=calls)
        axis.set_ylim(bottom=0)
    axes[0].set_ylabel("seconds")
    axes[1].legend(frameon=False)
    paths = [output / "live.png", output / "live.svg"]
    for path in paths:
        write_picture(figure, path)
    plotting.close(figure)
    return paths
