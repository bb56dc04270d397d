"""Words and what they add up to. ``start`` and ``end``: float seconds on the recording's clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

WITHHELD = "[WITHHELD]"  # stands for words that nobody may see


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word; ``probability`` in 0..1 where the engine gives one.

    ``redacted`` names the kind of what stood here, and was removed: ``text`` is its stand-in.
    ``speaker`` is the engine's own label of who said it, where it gives one.
    """

    start: float
    end: float
    text: str
    probability: float | None = None
    redacted: str = ""
    speaker: str = ""

    def shifted(self, seconds: float) -> Word:
        """The same word ``seconds`` later."""
        return replace(self, start=self.start + seconds, end=self.end + seconds)

    def to_dict(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "text": self.text,
        }
        if self.probability is not None:
            body["probability"] = round(self.probability, 4)
        if self.redacted:
            body["redacted"] = self.redacted
        if self.speaker:
            body["speaker"] = self.speaker
        return body

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Word:
        return cls(
            body["start"],
            body["end"],
            body["text"],
            body.get("probability"),
            body.get("redacted", ""),
            body.get("speaker", ""),
        )


def text_of(words: Iterable[Word]) -> str:
    return " ".join(word.text for word in words)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What an engine hears in one stretch of audio, unsettled until it says finished.

    Word times count from the start of that stretch. ``adaptation`` is what the engine
    learned about the channel (opaque; give it to the next stream of the same call and channel).
    ``guarded`` names what an engine's guards against invented text did, each time anew; it comes
    with the last hypothesis of a stretch alone.
    The first ``settled`` words stand: every later hypothesis of the stretch begins with them.
    ``language`` is the one that was heard, from engines that say so where it was to be found out.
    ``compute_s`` is how long the engine was at work for this one answer, where it works here.
    """

    words: tuple[Word, ...] = ()
    adaptation: str | None = None
    guarded: tuple[str, ...] = ()
    settled: int = 0
    language: str = ""
    compute_s: float = field(default=0.0, compare=False)  # no part of what was heard

    @property
    def text(self) -> str:
        return text_of(self.words)


@dataclass(frozen=True, slots=True)
class Final:
    """The end of one live utterance. ``event`` counts all finals of a call from 1, without gaps.

    ``failed`` marks an utterance that no engine could transcribe; its audio is left
    to the batch pass.
    """

    event: int
    channel: int
    utterance: int
    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    failed: bool = False
    engine: str = ""  # whose words they are, where that is known
    safe: bool = False  # redaction has been over it

    def to_dict(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "event": self.event,
            "channel": self.channel,
            "utterance": self.utterance,
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "text": self.text,
            "words": [word.to_dict() for word in self.words],
        }
        if self.failed:
            body["failed"] = True
        if self.engine:
            body["engine"] = self.engine
        if self.safe:
            body["safe"] = True
        return body

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Final:
        return cls(
            event=body["event"],
            channel=body["channel"],
            utterance=body["utterance"],
            start=body["start"],
            end=body["end"],
            text=body["text"],
            words=tuple(Word.from_dict(word) for word in body["words"]),
            failed=bool(body.get("failed", False)),
            engine=body.get("engine", ""),
            safe=bool(body.get("safe", False)),
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """Timed text of one channel, with a speaker once diarization has named one.

    ``number`` orders and names the segment within its revision: the event number in
    a draft, a running count in a canonical transcript.
    """

    number: int
    channel: int
    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    speaker: str | None = None
    probability: float | None = None
    failed: bool = False
    engine: str = ""  # whose words they are, where that differs from segment to segment
    sentiment: float | None = None  # -1..1, where it was judged
    safe: bool = False  # redaction has been over it

    @classmethod
    def from_final(cls, final: Final) -> Segment:
        return cls(
            number=final.event,
            channel=final.channel,
            start=final.start,
            end=final.end,
            text=final.text,
            words=final.words,
            probability=mean_probability(final.words),
            failed=final.failed,
            engine=final.engine,
            safe=final.safe,
        )

    def to_dict(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "number": self.number,
            "channel": self.channel,
            "speaker": self.speaker,
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "text": self.text,
            "probability": None if self.probability is None else round(self.probability, 4),
            "words": [word.to_dict() for word in self.words],
        }
        if self.failed:
            body["failed"] = True
        if self.engine:
            body["engine"] = self.engine
        if self.sentiment is not None:
            body["sentiment"] = round(self.sentiment, 4)
        if self.safe:
            body["safe"] = True
        return body

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Segment:
        return cls(
            number=body["number"],
            channel=body["channel"],
            start=body["start"],
            end=body["end"],
            text=body["text"],
            words=tuple(Word.from_dict(word) for word in body["words"]),
            speaker=body.get("speaker"),
            probability=body.get("probability"),
            failed=bool(body.get("failed", False)),
            engine=body.get("engine", ""),
            sentiment=body.get("sentiment"),
            safe=bool(body.get("safe", False)),
        )


def mean_probability(words: Iterable[Word]) -> float | None:
    """The mean of the words' probabilities, or None where no word has one."""
    known = [word.probability for word in words if word.probability is not None]
    return sum(known) / len(known) if known else None
