"""Recordings through an ear: what fails costs the others nothing, and stopping keeps the rest."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from twicetold.errors import BadParameter, EngineFailed
from twicetold.evaluation import Heard, OnShare, Pass
from twicetold.evaluation.corpus import Item
from twicetold.evaluation.evaluating import evaluate
from twicetold.evaluation.figures import EngineFigures
from twicetold.evaluation.reference import Reference
from twicetold.speech.scoring import Errors
from twicetold.speech.transcript import Segment

pytestmark = pytest.mark.unit


class FakeEar:
    """A test double that hears a recording's name, knows English alone, and fails where told."""

    model = "fake"

    def __init__(self, fails_on: str = "", hangs_on: str = "") -> None:
        self._fails_on, self._hangs_on = fails_on, hangs_on
        self.cancelled = asyncio.Event()
        self.hanging = asyncio.Event()

    def spoken(self, language: str) -> str:
        if language != "en":
            raise BadParameter(f"It does not know {language}.")
        return language

    async def hear(self, path: Path, language: str, on_share: OnShare) -> Heard:
        if path.stem == self._fails_on:
            raise EngineFailed("It fails.")
        if path.stem == self._hangs_on:
            self.hanging.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()
        on_share(0.5)
        return Heard([Segment(1, 0, 0.0, 1.0, path.stem)], 2.0, 1)


def items(*names: str, language: str | None = None) -> list[Item]:
    reference = Reference.of_text("one", language)
    return [Item(Path(f"{name}.wav"), name, reference, Path("text")) for name in names]


async def heard(ear: FakeEar, given: list[Item], stopped: asyncio.Event) -> EngineFigures:
    figures = EngineFigures("fake", Pass.LIVE)
    await evaluate(ear, given, figures, language="en", stopped=stopped)
    return figures


async def test_a_failure_is_named_and_costs_nothing() -> None:
    given = [*items("one", "bad"), *items("eins", language="de"), *items("two")]
    figures = await heard(FakeEar(fails_on="bad"), given, asyncio.Event())
    assert [each.name for each in figures.files] == ["one", "two"]
    assert figures.errors == Errors(1, 0, 0, 2)
    assert [(each.name, each.code) for each in figures.failures] == [("bad", "engine_failed")]
    assert [each.name for each in figures.left_out] == ["eins"]
    assert figures.finished
    assert figures.audio_s == 4.0


async def test_progress_counts_recordings_and_their_shares() -> None:
    seen: list[float] = []
    figures = EngineFigures("fake", Pass.LIVE)
    await evaluate(
        FakeEar(),
        items("one", "two"),
        figures,
        language="en",
        stopped=asyncio.Event(),
        on_progress=seen.append,
    )
    assert seen == [0, 0.5, 1, 1.5]


async def test_stopping_ends_the_running_one_and_keeps_those_before() -> None:
    ear, stopped = FakeEar(hangs_on="two"), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(heard(ear, items("one", "two", "three"), stopped))
        await ear.hanging.wait()
        stopped.set()
    figures = running.result()
    assert ear.cancelled.is_set()
    assert [each.name for each in figures.files] == ["one"]
    assert not figures.finished
    assert not figures.failures
