"""What was said so far, as far as rules may still need it: words of each speaker, phrases found."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from twicetold.enrich.rules.model import ANYBODY, SAME
from twicetold.enrich.rules.phrases import PhraseIndex
from twicetold.enrich.tokens import tokens_of
from twicetold.speech.transcript import Segment

# A phrase goes on over the end of an utterance, if its speaker goes on so soon.
JOIN_S = 3.0
_MOST_STREAMS = 64
MOST_KEPT = 64  # of one phrase; the oldest go

Roles = Mapping[int, str] | Sequence[str]  # channel: who speaks there


@dataclass(frozen=True, slots=True)
class Span:
    """A phrase that was found. ``first`` and ``end`` count the words of its stream; ``words``
    are indices (first, last) in the words of segment ``event``, where it ends."""

    stream: str
    first: int
    end: int
    start_s: float
    end_s: float
    event: int
    channel: int
    words: tuple[int, int] | None

    def words_from(self, other: Span) -> int | None:
        """How many words lie between; None where another speaks."""
        if self.stream != other.stream:
            return None
        return max(0, other.first - self.end, self.first - other.end)

    def seconds_from(self, other: Span) -> float:
        return max(0.0, other.start_s - self.end_s, self.start_s - other.end_s)


@dataclass(slots=True)
class _Stream:
    """One speaker's last words."""

    said: int = 0  # words so far
    end_s: float = -JOIN_S
    tail: deque[tuple[str, float]] = field(default_factory=deque)  # word, start


class Listening:
    """Segments in, phrases out; keeps of each speaker as many words as a phrase can span."""

    def __init__(self, index: PhraseIndex, roles: Roles = ()) -> None:
        self._index = index
        pairs = roles.items() if isinstance(roles, Mapping) else enumerate(roles)
        self._roles = dict(pairs)
        self._streams: dict[str, _Stream] = {}
        self.now_s = 0.0
        self.names = {*self._roles.values(), *(f"channel {channel}" for channel in self._roles)}

    def hear(self, segment: Segment) -> list[tuple[int, Span]]:
        """The phrases, by number, that end in this segment."""
        tokens = tokens_of(segment)
        if not tokens:
            return []
        name = self._stream_of(segment)
        stream = self._streams[name]
        if segment.start - stream.end_s > JOIN_S:
            stream.tail.clear()
        before = len(stream.tail)
        words = [*(word for word, _ in stream.tail), *(token.text for token in tokens)]
        starts = [*(start for _, start in stream.tail), *(token.start for token in tokens)]
        found: list[tuple[int, Span]] = []
        for number, first, end in self._index.find(words, before):
            last = tokens[end - 1 - before]
            at = (max(0, tokens[max(0, first - before)].word), last.word)
            span = Span(
                name,
                stream.said + first - before,
                stream.said + end - before,
                starts[first],
                last.end,
                segment.number,
                segment.channel,
                at if last.word >= 0 else None,
            )
            found.append((number, span))
        stream.said += len(tokens)
        stream.end_s = segment.end
        keep = self._index.longest - 1
        last_words = zip(words[-keep:], starts[-keep:], strict=True) if keep else ()
        stream.tail = deque(last_words)
        self.now_s = max(self.now_s, segment.end)
        return found

    def is_by(self, span: Span, who: str) -> bool:
        return who in (ANYBODY, SAME) or who in self.called(span)

    def called(self, span: Span) -> tuple[str, ...]:
        """By which names rules may know who said something."""
        return self._names(span.channel, span.stream.partition("/")[2])

    def knows(self, who: str) -> bool:
        """Whether somebody of that name is in the call at all."""
        return bool(self._streams) if who == ANYBODY else bool(self._streams) and who in self.names

    def _names(self, channel: int, speaker: str) -> tuple[str, ...]:
        return (f"channel {channel}", speaker or self._roles.get(channel, ""))

    def _stream_of(self, segment: Segment) -> str:
        speaker = segment.speaker or ""
        name = f"{segment.channel}/{speaker}"
        if name not in self._streams:
            if speaker and len(self._streams) >= _MOST_STREAMS:
                speaker, name = "", f"{segment.channel}/"
            self._streams.setdefault(name, _Stream())
            self.names |= set(filter(None, self._names(segment.channel, speaker)))
        return name


def kept(spans: Iterable[Span] = ()) -> deque[Span]:
    """A shelf for the last of one kind of finds."""
    return deque(spans, MOST_KEPT)
