"""Fakes of the carriers that delivery reads: in memory, and as slow as a test wants them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from twicetold.broker import Topic
from twicetold.enrich.rules import RuleSet
from twicetold.enrich.wishes import NO_ENRICHMENT, Enrichment
from twicetold.sessions import Record, State
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final
from twicetold.transcripts import Call, Status

KEY = CallKey("default", "call-1")


class FakeListener:
    """Everything published to followed keys, in order."""

    def __init__(self) -> None:
        self.keys: set[CallKey] = set()
        self.messages: list[tuple[CallKey, bytes]] = []
        self._news = asyncio.Event()
        self._closed = False
        self.broken: Exception | None = None

    async def add(self, key: CallKey) -> None:
        await asyncio.sleep(0)
        self.keys.add(key)

    def remove(self, key: CallKey) -> None:
        self.keys.discard(key)

    def offer(self, key: CallKey, value: bytes) -> None:
        if key in self.keys:
            self.messages.append((key, value))
            self._news.set()

    async def receive(self) -> list[tuple[CallKey, bytes]]:
        while not self.messages and not self._closed:
            self._news.clear()
            await self._news.wait()
            if self.broken is not None:
                raise self.broken
        messages, self.messages = self.messages, []
        return messages

    def fail(self, error: Exception) -> None:
        self.broken = error
        self._news.set()

    async def aclose(self) -> None:
        self._closed = True
        self._news.set()


class FakeBroker:
    """Only what a CaptionHub asks of a broker."""

    def __init__(self) -> None:
        self.listeners: list[FakeListener] = []

    def listen(self, topic: Topic) -> FakeListener:
        assert topic is Topic.CAPTIONS
        self.listeners.append(FakeListener())
        return self.listeners[-1]

    def say(self, value: bytes, key: CallKey = KEY) -> None:
        for listener in self.listeners:
            listener.offer(key, value)


@dataclass
class FakeCarriers:
    """One call's record and draft; stands in for a Platform, its sessions and transcripts."""

    record: Record | None
    call_row: Call | None
    draft: dict[int, Final] = field(default_factory=dict)
    is_buried: bool = False
    reads: int = 0
    wanted: Enrichment = NO_ENRICHMENT

    ruled: tuple[RuleSet, tuple[str, ...]] | None = None

    def rules(self, tenant: str) -> tuple[RuleSet, tuple[str, ...]] | None:
        return self.ruled

    def enrichment(self, tenant: str) -> Enrichment:
        return self.wanted

    @property
    def sessions(self) -> FakeCarriers:
        return self

    @property
    def transcripts(self) -> FakeCarriers:
        return self

    async def load(self, key: CallKey) -> Record | None:
        await self._pause()
        return self.record

    async def draft_finals(self, key: CallKey, after_event: int = 0) -> list[Final]:
        await self._pause()
        return [self.draft[event] for event in sorted(self.draft) if event > after_event]

    async def call(self, key: CallKey) -> Call | None:
        await self._pause()
        return self.call_row

    async def buried(self, key: CallKey) -> bool:
        return self.is_buried

    async def _pause(self) -> None:
        self.reads += 1
        await asyncio.sleep(0)

    # --- what the other roles do ----------------------------------------------------------

    def store(self, final: Final) -> None:
        assert self.record is not None
        finals = (*self.record.finals, final)
        self.record = replace(self.record, event=final.event, finals=finals)

    def save_draft(self) -> None:
        assert self.record is not None
        self.draft.update({final.event: final for final in self.record.finals})

    def trim(self) -> None:
        assert self.record is not None
        left = tuple(final for final in self.record.finals if final.event not in self.draft)
        self.record = replace(self.record, finals=left)

    def close(self) -> None:
        assert self.record is not None
        self.record = replace(self.record, state=State.CLOSED)

    def set_row(self, **fields: Any) -> None:
        assert self.call_row is not None
        self.call_row = replace(self.call_row, **fields)


def running_call() -> FakeCarriers:
    record = Record(KEY, 16_000, 1, "en", "pcm_s16le", 16_000, "0" * 64, 1_000.0)
    return FakeCarriers(record, Call(KEY, Status.LIVE, "live", "en", 1, 1_000.0))


def final(event: int, channel: int = 0) -> Final:
    return Final(event, channel, event - 1, float(event), event + 0.5, f"number {event}")
