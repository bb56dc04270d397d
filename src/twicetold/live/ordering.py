"""Puts what a call's partition delivers into sample order: overlap is trimmed, what is ahead waits.

Every consumer of the audio topic decides alike, because the rules use nothing but the
messages: a resumed gateway sends again from the last acknowledged sample, and a gateway
that was taken over may still have written a little; the higher epoch wins.
"""

from __future__ import annotations

from twicetold.speech.chunks import AudioChunk, Close, Finalize, LogMessage, Open, Pause

_MOST_HELD = 256

Placed = AudioChunk | Finalize | Pause  # what has its place among the samples


class Sequencer:
    """Feed ``accept`` each message in the order of the log; it returns what may be used now."""

    def __init__(self, floor: int = 0) -> None:
        """``floor``: no sound before this sample is wanted. The log may begin after it, where
        silence was let go."""
        self.position: int | None = None
        self._floor = floor
        self.closed = False
        self._epoch = 0
        self._held: list[Placed] = []

    def accept(self, message: LogMessage) -> list[LogMessage]:
        """Messages that are due, in order. Nothing is due once a Close was."""
        if self.closed or message.epoch < self._epoch:
            return []
        self._epoch = message.epoch
        if isinstance(message, Open):
            return [message]
        if isinstance(message, Close):
            self.closed = True
            self._held.clear()
            return [message]
        return self._in_order(message)

    def _in_order(self, message: Placed) -> list[LogMessage]:
        if self.position is None:
            self.position = max(self._floor, _first_sample(message))
        if _first_sample(message) > self.position:
            if len(self._held) < _MOST_HELD:
                self._held.append(message)
            return []
        due: list[LogMessage] = self._take(message)
        progress = bool(due)
        while progress and self._held:
            progress = False
            for held in sorted(self._held, key=_first_sample):
                if _first_sample(held) <= self.position:
                    self._held.remove(held)
                    due += self._take(held)
                    progress = True
        return due

    def _take(self, message: Placed) -> list[LogMessage]:
        assert self.position is not None
        if not isinstance(message, AudioChunk):
            # One that was sent again after more sound had come would end a later utterance.
            return [message] if message.sample == self.position else []
        if message.end_sample <= self.position:
            return []
        rest = message.from_sample(self.position)
        self.position = rest.end_sample
        return [rest]


def _first_sample(message: Placed) -> int:
    return message.first_sample if isinstance(message, AudioChunk) else message.sample
