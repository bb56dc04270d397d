"""Puts what a call's partition delivers into sample order: overlap is trimmed, what is ahead waits.

Every consumer of the audio topic decides alike, because the rules use nothing but the
messages: a resumed gateway sends again from the last acknowledged sample, and a gateway
that was taken over may still have written a little; the higher epoch wins. What is ahead waits
for what is missing, which a resumed gateway may still send. A hole that stays (retention has run
out over a part of the log) is leapt over: the chunk behind it begins later than the last ended.
"""

from __future__ import annotations

from twicetold.speech.chunks import AudioChunk, Close, Finalize, LogMessage, Open, Pause

LONGEST_HOLE_S = 24 * 3600  # no log loses more; what lies further ahead is of nothing
_MOST_HELD = 4_096
_MOST_HELD_BYTES = 2 * 1024 * 1024  # more than a gateway has under way

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
        self._held_bytes = 0

    def accept(self, message: LogMessage) -> list[LogMessage]:
        """Messages that are due, in order. Nothing is due once a Close was, which throws away what
        is held behind it: that was never acknowledged."""
        if self.closed or message.epoch < self._epoch:
            return []
        self._epoch = message.epoch
        if isinstance(message, Open):
            return [message]
        if isinstance(message, Close):
            self.closed = True
            owed = self._leap_to(message.sample)
            self._held.clear()
            return [*owed, message]
        return self._in_order(message)

    def _in_order(self, message: Placed) -> list[LogMessage]:
        if self.position is None:
            self.position = max(self._floor, _first_sample(message))
        if _first_sample(message) <= self.position:
            return self._take(message) + self._due_of_held()
        self._held.append(message)
        self._held_bytes += _size_bytes(message)
        if len(self._held) < _MOST_HELD and self._held_bytes < _MOST_HELD_BYTES:
            return []
        return self._leap_to(max(_first_sample(held) for held in self._held) + 1)

    def _due_of_held(self) -> list[LogMessage]:
        """Held messages that what was taken has reached, and those that these reach."""
        assert self.position is not None
        due: list[LogMessage] = []
        progress = True
        while progress and self._held:
            progress = False
            for held in sorted(self._held, key=_first_sample):
                if _first_sample(held) <= self.position:
                    self._held.remove(held)
                    self._held_bytes -= _size_bytes(held)
                    due += self._take(held)
                    progress = True
        return due

    def _leap_to(self, sample: int) -> list[LogMessage]:
        """Give up on what is missing before that sample."""
        due: list[LogMessage] = []
        while self._held and (first := min(map(_first_sample, self._held))) < sample:
            self.position = first
            due += self._due_of_held()
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


def _size_bytes(message: Placed) -> int:
    return len(message.pcm) if isinstance(message, AudioChunk) else 0
