"""What was said in one recording, and how many errors a transcript makes against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from twicetold.speech.scoring import Errors, channel_errors, normalise, word_errors
from twicetold.speech.transcript import Segment


class Scored(StrEnum):
    """How words were laid against the reference."""

    WHOLE = "whole"
    BY_CHANNEL = "each channel by itself"
    JOINED = "all channels joined by time"


@dataclass(frozen=True, slots=True)
class Said:
    """A stretch of the reference; ``channel`` is None where nobody knows whose it is."""

    start: float
    channel: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Reference:
    """All that was said, by time; ``names`` says who speaks on a channel, where that is known."""

    said: Sequence[Said]
    language: str | None = None
    names: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of_text(cls, text: str, language: str | None = None) -> Reference:
        """Plain words, of nobody in particular."""
        return cls((Said(0.0, None, text),), language)

    def errors(
        self, segments: Iterable[Segment], channels: int, language: str
    ) -> tuple[Errors, Scored]:
        """A transcript's word errors, and how they were counted.

        Channel by channel where the reference tells them apart and the recording has as many;
        otherwise all words are joined in the order of their segments' starts.
        ``channels``: how many of the recording's differ. ``language`` chooses the normaliser.
        """
        ordered = sorted(segments, key=lambda segment: segment.start)
        ours = {said.channel for said in self.said}
        if channels > 1 and None not in ours and (len(ours) > 1 or len(self.names) > 1):
            heard = _by_channel((one.channel, one.text) for one in ordered)
            spoken = _by_channel((said.channel or 0, said.text) for said in self.said)
            return channel_errors(
                {channel: normalise(text, language) for channel, text in spoken.items()},
                {channel: normalise(text, language) for channel, text in heard.items()},
            ), Scored.BY_CHANNEL
        joined = " ".join(segment.text for segment in ordered)
        reference = normalise(" ".join(said.text for said in self.said), language)
        parted = channels > 1 or len(ours) > 1
        how = Scored.JOINED if parted else Scored.WHOLE
        return word_errors(reference, normalise(joined, language)), how


def of_sample(body: Mapping[str, Any], recording: str) -> Reference:
    """The reference of a sample call (``samples/README.md``) for one of its ``files``.

    Raises KeyError, TypeError or ValueError where the body is something else.
    """
    mono = body["files"][recording]["channels"] == 1
    utterances = sorted(body["utterances"], key=lambda utterance: utterance["start"])
    said = tuple(
        Said(float(one["start"]), 0 if mono else int(one["channel"]), str(one["text"]))
        for one in utterances
    )
    names = {int(one["channel"]): str(one["speaker"]) for one in body["channels"]}
    return Reference(said, str(body["language"]), {} if mono else names)


def of_transcript(body: Mapping[str, Any]) -> Reference:
    """A transcript as ``twicetold transcribe`` and the API write it (``segments``).

    Raises as ``of_sample`` does.
    """
    segments = sorted(body["segments"], key=lambda segment: segment["start"])
    said = tuple(
        Said(float(one["start"]), int(one["channel"]), str(one["text"])) for one in segments
    )
    language = body.get("language")
    return Reference(said, str(language) if language else None)


def _by_channel(texts: Iterable[tuple[int, str]]) -> dict[int, str]:
    found: dict[int, list[str]] = {}
    for channel, text in texts:
        found.setdefault(channel, []).append(text)
    return {channel: " ".join(each) for channel, each in found.items()}
