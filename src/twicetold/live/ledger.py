"""The live worker's half of a call's record: ownership, and storing each final exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from twicetold.broker import Broker, Topic
from twicetold.errors import Conflict, TwicetoldError
from twicetold.sessions import Changes, Record, Sessions, State
from twicetold.speech.chunks import Ended, finals_message
from twicetold.speech.computed import Computed
from twicetold.speech.events import Caption, Done
from twicetold.speech.transcript import Final, Word

log = structlog.get_logger()

_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 5.0


T = TypeVar("T")


async def persist(step: Callable[[], Awaitable[None]]) -> None:
    """Do ``step`` until it succeeds; see ``persist_value``."""
    await persist_value(step)


async def persist_value(step: Callable[[], Awaitable[T]]) -> T:
    """Do ``step`` until it succeeds: a full disk holds a call up, it loses nothing.

    Raises at once what a repetition cannot mend, and Conflict errors, which say that the call
    is no longer ours.
    """
    delay_s = _FIRST_DELAY_S
    while True:
        try:
            return await step()
        except Conflict:
            raise
        except TwicetoldError as error:
            if not error.retryable:
                raise
            log.warning("carrier_retried", code=error.code, delay_s=delay_s)
        await asyncio.sleep(delay_s)
        delay_s = min(2 * delay_s, _LONGEST_DELAY_S)


class Ledger:
    """Steps of "A final": store it, publish it, let its audio go. Raises SwapLost or SessionLost
    once another worker owns the call."""

    def __init__(self, broker: Broker, sessions: Sessions, record: Record, engine: str) -> None:
        self._broker, self._sessions, self._engine = broker, sessions, engine
        self.key, self.rate = record.key, record.rate
        self.owner = record.owner
        self.event = record.event
        self.takeovers = record.takeovers
        channels = record.channels
        self.boundaries = list(record.boundaries or (0,) * channels)
        self.cuts = list(record.cuts or (0,) * channels)
        self.utterances = list(record.utterances or (0,) * channels)
        self.adaptation = list(record.adaptation or (None,) * channels)
        # One sum, however many workers hear the call: each goes on from what the last one stored.
        self.computed = Computed.from_text(record.computed)
        self._inherited = record.finals
        self._writing = asyncio.Lock()

    @property
    def cut(self) -> tuple[bool, ...]:
        """Per channel, whether its boundary is a cut, behind which an utterance is under way."""
        pairs = zip(self.boundaries, self.cuts, strict=True)
        return tuple(0 < cut == boundary for boundary, cut in pairs)

    async def take_over(self) -> None:
        """Become the owner and publish the stored finals again, unchanged."""
        changes: Changes = {"owner": self.owner + 1}
        if self.owner:
            self.takeovers += 1
            changes["takeovers"] = self.takeovers
        await persist(lambda: self._sessions.swap(self.key, {"owner": self.owner}, changes))
        self.owner += 1
        for final in self._inherited:
            await self._publish(final)
        self._inherited = ()

    async def leave(self) -> None:
        """In order: that we had the call, and give it up, says nothing against its sound."""
        if self.takeovers:
            before = self.takeovers - 1
            await self._sessions.swap(self.key, {"owner": self.owner}, {"takeovers": before})

    async def calm(self) -> None:
        """The worker has outlived what it took over: earlier deaths were not this sound's fault."""
        async with self._writing:
            self.takeovers = 0
            await persist(
                lambda: self._sessions.swap(self.key, {"owner": self.owner}, {"takeovers": 0})
            )

    async def settle(
        self,
        channel: int,
        utterance: int,
        boundary: int,
        adaptation: str | None,
        words: tuple[Word, ...],
        failed_span: tuple[float, float] | None = None,
        *,
        cut: bool = False,
        engine: str = "",
        safe: bool = False,
        redaction: str | None = None,
    ) -> Final | None:
        """Store what an utterance came to and move its channel's boundary (which may be a cut);
        publish the final if there are words (``engine`` wrote them; ``safe``: redaction has been
        over them), or if it failed (then ``failed_span`` is its start and end). ``redaction``: what
        a successor's redaction goes on by."""
        async with self._writing:
            final = self._final(channel, utterance, words, failed_span, engine, safe=safe)
            self.boundaries[channel] = boundary
            self.cuts[channel] = boundary if cut else 0  # it may end where the last one was cut
            self.utterances[channel] = utterance
            self.adaptation[channel] = adaptation
            changes: Changes = {
                "boundaries": tuple(self.boundaries),
                "cuts": tuple(self.cuts),
                "utterances": tuple(self.utterances),
                "adaptation": tuple(self.adaptation),
                "takeovers": 0,
                "computed": self.computed.to_text(),
            }
            if redaction is not None:
                changes["redaction"] = redaction
            if final is not None:
                changes["add_final"] = final
                changes["event"] = final.event
            await persist(
                lambda: self._sessions.swap(
                    self.key, {"owner": self.owner, "event": self.event}, changes
                )
            )
            self.takeovers = 0
            if final is not None:
                self.event = final.event
                await self._publish(final)
            return final

    async def close(self, sample: int) -> None:
        """The last final is stored: mark the call closed, tell the recorder and the followers."""
        # What was learnt of the channels and asked in the call has served; a record stays for good.
        over: Changes = {"state": State.CLOSED, "adaptation": (), "redaction": ""}
        over["computed"] = self.computed.to_text()
        await persist(lambda: self._sessions.swap(self.key, {"owner": self.owner}, over))
        await self.say_ended(sample)

    async def say_ended(self, sample: int) -> None:
        """May be repeated: a worker that died after closing has it said again."""
        computed = self.computed.seconds
        ended = finals_message(Ended(self.event, sample, self.rate, self._engine, computed))
        await persist(lambda: self._broker.publish(Topic.FINALS, self.key, ended))
        self.caption(Caption.of(Done(self.key.call_id, self.event)))

    def caption(self, caption: Caption) -> None:
        """Publish to whoever follows; nobody waits for it."""
        self._broker.publish(Topic.CAPTIONS, self.key, caption.to_bytes())

    async def _publish(self, final: Final) -> None:
        message = finals_message(final)
        await persist(lambda: self._broker.publish(Topic.FINALS, self.key, message))
        self.caption(Caption.of_final(final))

    def _final(
        self,
        channel: int,
        utterance: int,
        words: tuple[Word, ...],
        failed_span: tuple[float, float] | None,
        engine: str,
        *,
        safe: bool,
    ) -> Final | None:
        if not words and failed_span is None:
            return None
        start, end = failed_span or (words[0].start, max(word.end for word in words))
        return Final(
            event=self.event + 1,
            channel=channel,
            utterance=utterance,
            start=start,
            end=end,
            text=" ".join(word.text for word in words),
            words=words,
            failed=failed_span is not None,
            engine=engine,
            safe=safe,
        )
