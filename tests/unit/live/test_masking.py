"""Partials are masked elsewhere, newest first; none is told once its utterance is over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from twicetold.live.masking import Masking
from twicetold.speech.transcript import Word, text_of

pytestmark = pytest.mark.unit


def words(text: str) -> tuple[Word, ...]:
    return tuple(Word(at, at + 0.5, word) for at, word in enumerate(text.split()))


class Partials:
    """What masks, once it is let, and what was told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, str, str]] = []
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.masking = Masking(self._mask, self._tell, 2)

    async def _mask(self, words: Sequence[Word], channel: int) -> tuple[Word, ...]:
        self.asked.append(text_of(words))
        await self.open.wait()
        if "poison" in text_of(words):
            raise RuntimeError("hush: poison")
        return tuple(word for word in words if not word.text.isdigit())

    def _tell(self, channel: int, utterance: int, engine: str, words: tuple[Word, ...]) -> None:
        self.told.append((channel, utterance, engine, text_of(words)))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_newest_words_are_told_and_those_in_between_are_not():
    partials = Partials()
    for text in ("it", "it is", "it is 4", "it is 4 and"):
        partials.masking.put(0, 1, "e", words(text))
        await settle()
    partials.open.set()
    await settle()
    assert partials.asked == ["it", "it is 4 and"]
    assert partials.told == [(0, 1, "e", "it"), (0, 1, "e", "it is and")]


async def test_channels_do_not_wait_for_each_other():
    partials = Partials()
    partials.masking.put(0, 1, "e", words("hello"))
    partials.masking.put(1, 1, "f", words("goodbye"))
    await settle()
    assert partials.asked == ["hello", "goodbye"]
    partials.masking.close()


async def test_nothing_is_told_of_an_utterance_that_is_over():
    partials = Partials()
    partials.masking.put(0, 1, "e", words("it is"))
    await settle()
    partials.masking.put(0, 1, "e", words("it is so"))
    partials.masking.ended(0)
    partials.open.set()
    await settle()
    assert partials.told == []
    partials.masking.put(0, 2, "e", words("next"))
    await settle()
    assert partials.told == [(0, 2, "e", "next")]


async def test_where_all_is_hidden_nothing_is_told():
    partials = Partials()
    partials.open.set()
    partials.masking.put(0, 1, "e", words("4 1 5"))
    await settle()
    assert partials.told == []


async def test_what_cannot_be_masked_is_not_asked_about_again_until_the_next_utterance():
    partials = Partials()
    partials.open.set()
    with capture_logs() as logs:
        for text in ("poison", "poison is", "poison is it"):
            partials.masking.put(0, 1, "e", words(text))
            await settle()
    partials.masking.put(0, 2, "e", words("better"))
    await settle()
    assert partials.asked == ["poison", "better"]
    assert partials.told == [(0, 2, "e", "better")]
    assert [log["event"] for log in logs] == ["partials_withheld"]
    assert "poison" not in str(logs)


async def test_closing_ends_what_is_on_its_way():
    partials = Partials()
    partials.masking.put(0, 1, "e", words("it is"))
    await settle()
    partials.masking.close()
    partials.open.set()
    await settle()
    assert partials.told == []
