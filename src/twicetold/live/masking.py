"""Partials without what may be personal data: the newest of each channel, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from twicetold.speech.transcript import Word

log = structlog.get_logger()

Mask = Callable[[Sequence[Word], int], Awaitable[tuple[Word, ...]]]
Tell = Callable[[int, int, str, tuple[Word, ...]], None]


@dataclass(slots=True)
class _Channel:
    utterance: int = 0
    engine: str = ""
    newest: tuple[Word, ...] = ()
    spoilt: bool = False  # nobody could mask this utterance; it is not asked about again
    task: asyncio.Task[None] | None = field(default=None)


class Masking:
    """``tell`` gets channel, utterance, engine and the words that may be shown, while the
    utterance lasts. Where masking is slower than the speaker, partials become fewer."""

    def __init__(self, mask: Mask, tell: Tell, channels: int) -> None:
        self._mask, self._tell = mask, tell
        self._channels = [_Channel() for _ in range(channels)]

    def put(self, channel: int, utterance: int, engine: str, words: tuple[Word, ...]) -> None:
        at = self._channels[channel]
        if at.utterance != utterance:
            at.utterance, at.spoilt = utterance, False
        at.engine, at.newest = engine, words
        if at.task is None and not at.spoilt:
            at.task = asyncio.create_task(self._run(channel, at))

    def ended(self, channel: int) -> None:
        """The utterance is over: nothing unsettled is told of it any more."""
        self._channels[channel].utterance, self._channels[channel].newest = 0, ()

    def close(self) -> None:
        for at in self._channels:
            if at.task is not None:
                at.task.cancel()

    async def _run(self, channel: int, at: _Channel) -> None:
        try:
            while at.newest and not at.spoilt:
                utterance, engine, words, at.newest = at.utterance, at.engine, at.newest, ()
                shown = await self._masked(channel, at, words)
                if shown and at.utterance == utterance:
                    self._tell(channel, utterance, engine, shown)
        finally:
            at.task = None

    async def _masked(self, channel: int, at: _Channel, words: Sequence[Word]) -> tuple[Word, ...]:
        utterance = at.utterance
        try:
            return await self._mask(words, channel)
        except Exception as error:  # noqa: BLE001 - whatever it is, no word is shown for it
            # Without its traceback, which may quote what was said.
            log.error("partials_withheld", error=type(error).__name__)  # noqa: TRY400
            at.spoilt = at.utterance == utterance
            return ()
