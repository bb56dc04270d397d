"""Who speaks when: stretches of speech without a pause, and which of them only say "go on".

A stretch is what the literature calls an inter-pausal unit. A backchannel (Yngve, 1970: "On getting
a word in edgewise") is listening aloud: it neither takes the floor nor disturbs who has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from twicetold.enrich.tokens import folded, tokens_of
from twicetold.speech.transcript import Segment


def _set(text: str) -> frozenset[str]:
    return frozenset(folded(text))


Roles = Mapping[int, str] | Sequence[str]

# Pauses inside words and phrases are shorter (and word times err by 0.1 to 0.2 s).
PAUSE_S = 0.5
_LONGEST_BACKCHANNEL_S = 1.5
_MOST_BACKCHANNEL_WORDS = 3

# Always: no words at all.
_HUMS = _set("mhm mm mmm mmhm mmhmm hm hmm hmmm uh huh um ah aha ahh oh ooh ähm äh öh hmhm हूँ हूं हम्म")
# While another speaks; otherwise they are answers.
_NODS = _HUMS | _set(
    "yeah yes yep yup ya ok okay right sure exactly alright i see got it good great wow "
    "really true ja genau klar gut stimmt richtig oui ouais voilà accord bien sí si claro "
    "vale ajá bueno sim certo va bene da так да हाँ हां हा जी अच्छा ठीक है ஆமா சரி అవును సరే "
    "হ্যাঁ ঠিক نعم أيوه طيب אוקיי כן בסדר はい うん ええ そう 对 嗯 好"
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech of one speaker without a pause, in seconds; ``said`` holds its comparable words."""

    speaker: str
    start: float
    end: float
    said: tuple[str, ...]
    backchannel: bool = False

    @property
    def length_s(self) -> float:
        return self.end - self.start


def speaker_of(segment: Segment, roles: Roles) -> str:
    """The segment's own speaker, else the role of its channel, else ``channel 0``."""
    if segment.speaker:
        return segment.speaker
    if isinstance(roles, Mapping):
        return roles.get(segment.channel, f"channel {segment.channel}")
    known = segment.channel < len(roles)
    return roles[segment.channel] if known else f"channel {segment.channel}"


def stretches_of(segments: Iterable[Segment], roles: Roles = ()) -> list[Stretch]:
    """All stretches by start time, backchannels marked."""
    by_speaker: dict[str, list[Stretch]] = {}
    for segment in segments:
        speaker = speaker_of(segment, roles)
        by_speaker.setdefault(speaker, []).extend(_pieces(segment, speaker))
    joined = [each for pieces in by_speaker.values() for each in _joined(pieces)]
    return list(_marked(sorted(joined, key=lambda each: (each.start, each.end, each.speaker))))


def _pieces(segment: Segment, speaker: str) -> Iterator[Stretch]:
    """Its words, each by itself; the whole of it where it has none."""
    if not segment.words:
        yield Stretch(speaker, segment.start, segment.end, folded(segment.text))
        return
    said: dict[int, list[str]] = {}
    for token in tokens_of(segment):
        said.setdefault(token.word, []).append(token.text)
    for index, word in enumerate(segment.words):
        yield Stretch(speaker, word.start, max(word.start, word.end), tuple(said.get(index, ())))


def _joined(pieces: list[Stretch]) -> Iterator[Stretch]:
    """One speaker's pieces, over gaps that are no pause."""
    pieces.sort(key=lambda each: (each.start, each.end))
    start, end, said = pieces[0].start, pieces[0].end, list(pieces[0].said)
    for piece in pieces[1:]:
        if piece.start - end >= PAUSE_S:
            yield Stretch(piece.speaker, start, end, tuple(said))
            start, end, said = piece.start, piece.end, []
        end = max(end, piece.end)
        said += piece.said
    yield Stretch(pieces[0].speaker, start, end, tuple(said))


def _marked(stretches: list[Stretch]) -> Iterator[Stretch]:
    going: list[Stretch] = []
    for each in stretches:
        going = [other for other in going if other.end > each.start]
        listens = any(other.speaker != each.speaker for other in going)
        going.append(each)
        yield (
            Stretch(each.speaker, each.start, each.end, each.said, backchannel=True)
            if _is_backchannel(each, listens)
            else each
        )


def _is_backchannel(stretch: Stretch, listens: bool) -> bool:
    short = stretch.length_s <= _LONGEST_BACKCHANNEL_S
    if not (short and 0 < len(stretch.said) <= _MOST_BACKCHANNEL_WORDS):
        return False
    return set(stretch.said) <= (_NODS if listens else _HUMS)
