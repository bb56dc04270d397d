"""Call metrics out of segments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from twicetold.enrich.metrics.floor import Floor, floor_of
from twicetold.enrich.metrics.model import CallMetrics, SpeakerMetrics
from twicetold.enrich.metrics.questions import is_punctuated, questions_of
from twicetold.enrich.metrics.silences import Span, holds, silent, spoken, talk_over_s
from twicetold.enrich.metrics.stretches import Roles, Stretch, speaker_of, stretches_of
from twicetold.speech.language import primary_language
from twicetold.speech.transcript import Segment


def measure(
    segments: Iterable[Segment], length_s: float, *, roles: Roles = (), language: str = "en"
) -> CallMetrics:
    """Measure a call of ``length_s`` seconds. ``roles``: who speaks on each channel, where
    segments name no speaker. Works without word times too: then a segment is speech throughout.
    """
    given = list(segments)
    stretches = stretches_of(given, roles)
    length_s = max([length_s, *(each.end for each in stretches)])
    talk = spoken(stretches)
    silences = silent(talk, length_s)
    held = holds(silences, given, length_s)
    floor = floor_of(stretches, held)
    asked = _questions(given, roles, language)
    speakers = _speakers(stretches, floor, asked)
    responses = [value for values in floor.responses.values() for value in values]
    words, talk_s = sum(each.words for each in speakers), _total(talk)
    return CallMetrics(
        length_s=length_s,
        talk_s=talk_s,
        silence_s=_total(silences),
        silence_share=_total(silences) / length_s if length_s else 0.0,
        longest_silence_s=max((end - start for start, end in silences), default=0.0),
        talk_over_s=talk_over_s(stretches),
        hold_s=_total(held),
        holds=len(held),
        words=words,
        words_per_minute=_per_minute(words, sum(each.talk_s for each in speakers)),
        turns=sum(floor.turns.values()),
        interruptions=sum(floor.interruptions.values()),
        longest_monologue_s=max(floor.monologues.values(), default=0.0),
        response_median_s=median(responses) if responses else None,
        response_p90_s=quantile(responses, 0.9),
        questions=None if asked is None else sum(asked.values()),
        speakers=speakers,
    )


def quantile(values: Sequence[float], share: float) -> float | None:
    """Between the nearest two in order; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _speakers(
    stretches: Sequence[Stretch], floor: Floor, asked: dict[str, int] | None
) -> tuple[SpeakerMetrics, ...]:
    """By who speaks first."""
    talk_s: dict[str, float] = {}
    words: dict[str, int] = {}
    for each in stretches:
        talk_s[each.speaker] = talk_s.get(each.speaker, 0.0) + each.length_s
        words[each.speaker] = words.get(each.speaker, 0) + len(each.said)
    total_s = sum(talk_s.values())
    return tuple(
        SpeakerMetrics(
            speaker=speaker,
            talk_s=talk_s[speaker],
            talk_share=talk_s[speaker] / total_s if total_s else 0.0,
            words=words[speaker],
            words_per_minute=_per_minute(words[speaker], talk_s[speaker]),
            turns=floor.turns[speaker],
            interruptions=floor.interruptions[speaker],
            longest_monologue_s=floor.monologues.get(speaker, 0.0),
            response_median_s=median(answers) if answers else None,
            response_p90_s=quantile(answers, 0.9),
            questions=None if asked is None else asked.get(speaker, 0),
        )
        for speaker in talk_s
        for answers in [floor.responses.get(speaker, [])]
    )


def _questions(segments: Sequence[Segment], roles: Roles, language: str) -> dict[str, int] | None:
    """By speaker; None where they cannot be told from other sentences."""
    punctuated = is_punctuated(segments)
    if not punctuated and primary_language(language) != "en":
        return None
    asked: dict[str, int] = {}
    for segment in segments:
        count = questions_of(segment.text, punctuated=punctuated)
        speaker = speaker_of(segment, roles)
        asked[speaker] = asked.get(speaker, 0) + count
    return asked


def _per_minute(words: int, talk_s: float) -> float | None:
    return 60.0 * words / talk_s if talk_s > 0.0 else None


def _total(spans: Iterable[Span]) -> float:
    return sum((end - start for start, end in spans), 0.0)
