"""When nobody speaks, when several do, and which silences are a hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from twicetold.enrich.metrics.stretches import Stretch
from twicetold.enrich.rules.phrases import PhraseIndex, parse_phrase
from twicetold.enrich.tokens import tokens_of
from twicetold.speech.transcript import Segment

Span = tuple[float, float]

HOLD_S = 20.0
ANNOUNCED_HOLD_S = 5.0
_ANNOUNCED_BEFORE_S = 10.0  # somebody may say "sure" or "take your time" in between

_ANNOUNCEMENTS = (
    "(please|can you|could you|just|) hold (please|on|the line|for)",
    "(you|this call|the call|the line) ... on hold",
    "bear with me",
    "(one|a|just a) (moment|second|sec|minute) (please|while|until|I|let)",
    "(just a|one) (moment|second|minute)",
    "while I (check|look|find|pull)",
    "(bleiben sie|bitte warten|einen moment|einen augenblick)",
    "ne quittez pas",
    "(un momento|un instante|no cuelgue)",
    "(एक मिनट|होल्ड|रुकिए)",
    "(لحظة|انتظر)",
)


def spoken(stretches: Iterable[Stretch]) -> list[Span]:
    """When anybody speaks: spans by time, none of which touch."""
    spans: list[Span] = []
    for start, end in sorted((each.start, each.end) for each in stretches):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def silent(spans: Sequence[Span], length_s: float) -> list[Span]:
    """The rest of a call of that length."""
    edges = [0.0, *(edge for span in spans for edge in span), length_s]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(start, end) for start, end in pairs if end > start]


def talk_over_s(stretches: Iterable[Stretch]) -> float:
    """Seconds in which two or more talk; backchannels do not count."""
    edges: list[tuple[float, int]] = []
    for each in stretches:
        if not each.backchannel:
            edges += [(each.start, 1), (each.end, -1)]
    total, talking, since = 0.0, 0, 0.0
    for at, change in sorted(edges):
        if talking > 1:
            total += at - since
        talking, since = talking + change, at
    return total


def holds(silences: Iterable[Span], segments: Iterable[Segment], length_s: float) -> list[Span]:
    """Silences between speech that are long, or shorter and announced ("please hold")."""
    announced = announcements(segments)
    found: list[Span] = []
    for start, end in silences:
        if start <= 0.0 or end >= length_s:
            continue
        told = any(start - _ANNOUNCED_BEFORE_S <= at <= start + 0.5 for at in announced)
        if end - start >= (ANNOUNCED_HOLD_S if told else HOLD_S):
            found.append((start, end))
    return found


def announcements(segments: Iterable[Segment]) -> list[float]:
    """When holds are announced, by the end of the phrase."""
    index = _index()
    found: list[float] = []
    for segment in segments:
        tokens = tokens_of(segment)
        at = index.find([token.text for token in tokens])
        found += [tokens[end - 1].end for _, _, end in at]
    return sorted(found)


@cache
def _index() -> PhraseIndex:
    index = PhraseIndex()
    for text in _ANNOUNCEMENTS:
        index.add(0, parse_phrase(text))
    return index
