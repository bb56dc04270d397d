"""Takes recordings through one ear, one after another, and counts what comes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from twicetold.errors import BadParameter, TwicetoldError
from twicetold.evaluation import Ear, Heard
from twicetold.evaluation.corpus import Item
from twicetold.evaluation.figures import EngineFigures, Failure, FileFigures

OnProgress = Callable[[float], None]  # recordings done, and the share of the one that runs


async def evaluate(
    ear: Ear,
    items: Iterable[Item],
    figures: EngineFigures,
    *,
    language: str,
    stopped: asyncio.Event,
    on_progress: OnProgress = lambda done: None,
) -> None:
    """Fill ``figures``. A recording that fails is counted and named, and the next one begins.

    ``language`` is that of recordings whose reference states none. Returns early once ``stopped``
    is set; ``figures.finished`` says which it was.
    """
    for number, item in enumerate(items):
        if stopped.is_set():
            return
        on_progress(number)
        spoken = item.reference.language or language
        try:
            asked = ear.spoken(spoken)
        except BadParameter as error:
            figures.left_out.append(failure(item.name, error))
            continue

        def on_share(share: float, done: int = number) -> None:
            on_progress(done + share)

        began = time.perf_counter()
        try:
            heard = await _unless(stopped, ear.hear(item.path, asked, on_share))
        except (TwicetoldError, OSError) as error:
            figures.failures.append(failure(item.name, error))
            continue
        if heard is not None:
            took_s = time.perf_counter() - began
            figures.files.append(await asyncio.to_thread(scored, item, heard, spoken, took_s))
    figures.finished = not stopped.is_set()


def scored(item: Item, heard: Heard, language: str, took_s: float) -> FileFigures:
    """A transcript's errors against what was said. Computes: run it in a thread."""
    errors, how = item.reference.errors(heard.segments, heard.channels, language)
    source = str(item.reference_file)
    return FileFigures(item.name, language, heard.audio_s, took_s, errors, how, source)


def failure(name: str, error: TwicetoldError | OSError) -> Failure:
    if isinstance(error, TwicetoldError):
        return Failure(name, error.code, error.message)
    return Failure(name, "unavailable", error.strerror or type(error).__name__)


async def _unless(stopped: asyncio.Event, work: Coroutine[Any, Any, Heard]) -> Heard | None:
    """What the work gives; None, and the work cancelled, where ``stopped`` is set first."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.wait({working, stopping})
