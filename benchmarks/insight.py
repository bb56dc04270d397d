"""What the stages between words and transcript cost on one core: redaction, call metrics,
sentiment, phrase rules, a lead score; and telling speakers apart by voice.

``python -m benchmarks insight``: a call of an hour, 9,000 words, made of the sample calls' own
utterances, one after the other; 200 phrase rules, the default ones over and over. Counted is CPU
time, loading VADER's lexicon and reading the rules included, the best of three; for the live pass,
each final by itself. Voices are told apart in an hour of the sample calls, once; finding speech in
it, which every recording pays for, is not counted.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clips import RATE
from benchmarks.common import save, summary
from benchmarks.conversations import Conversation
from benchmarks.recordings import sample_calls
from benchmarks.speakers import activity, diarized
from twicetold.enrich.leads import default_rubric, score_call
from twicetold.enrich.metrics import CallMetrics, measure
from twicetold.enrich.redaction import Redactor
from twicetold.enrich.rules import LiveRules, RuleSet, default_rules, evaluate
from twicetold.enrich.sentiment import CallSentiment, VaderJudge, judged
from twicetold.enrich.sentiment.vader import _analyzer
from twicetold.enrich.speakers import open_diarizer
from twicetold.speech.transcript import Final, Segment, Word

_SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "calls"
_NAMES = ("billing", "delivery", "internet")
_ROLES = ("agent", "customer")
_WORDS, _RULES, _PAUSE_S, _WORD_S = 9_000, 200, 0.6, 0.35
_TRIES, _HOUR_S = 3, 3600.0


def run() -> dict[str, Any]:
    """CPU seconds of each, and of a final; saved as ``insight``."""
    segments = an_hour()
    length_s = segments[-1].end
    rules = many_rules()
    _, redaction_s = timed(lambda: Redactor().redact(segments))
    metrics, metrics_s = timed(lambda: measure(segments, length_s, roles=_ROLES))
    (_, sentiment), sentiment_s = timed(lambda: _judged(segments, length_s))
    _, rules_s = timed(lambda: evaluate(rules, segments, length_s, _ROLES))
    _, reading_s = timed(lambda: (default_rules(), default_rubric()))
    _, score_s = timed(lambda: _scored(segments, length_s, metrics, sentiment))
    parts = {
        "redaction_s": redaction_s,
        "metrics_s": metrics_s,
        "sentiment_s": sentiment_s,
        "rules_s": rules_s,
        "reading_files_s": reading_s,
        "lead_score_s": score_s,
    }
    figures = {
        "words": sum(len(segment.words) for segment in segments),
        "call_s": length_s,
        "rules": len(rules.rules),
        **parts,
        "together_s": sum(parts.values()),
        "share_of_call": sum(parts.values()) / length_s,
        "live": live(rules, segments),
    }
    voices_s = diarization_s()
    figures |= {
        "diarization_s": voices_s,
        "share_with_diarization": figures["share_of_call"] + voices_s / _HOUR_S,
    }
    save("insight", figures)
    return figures


def live(rules: RuleSet, segments: list[Segment]) -> dict[str, Any]:
    """Milliseconds of CPU for each final, and bytes of what is kept at the end."""
    running, took, alerts = LiveRules(rules, _ROLES), [], 0
    for one in segments:
        final = Final(one.number, one.channel, one.number, one.start, one.end, one.text, one.words)
        started = time.process_time()
        alerts += len(running.accept(final))
        took.append(1000 * (time.process_time() - started))
    kept = len(json.dumps(running.snapshot()).encode())
    return {"ms_per_final": summary(took), "alerts": alerts, "snapshot_bytes": kept}


def diarization_s() -> float:
    """CPU seconds for an hour of one channel."""
    mono = sample_calls(_HOUR_S).astype(np.int32).sum(axis=1) // 2
    call = Conversation("an hour", mono.astype("<i2").tobytes(), RATE, (), 1)
    speech = activity(call)
    started = time.process_time()
    diarized(open_diarizer("gmm"), call, speech)
    return time.process_time() - started


def an_hour() -> list[Segment]:
    """The samples' utterances again and again, until there are enough words."""
    bodies = [json.loads((_SAMPLES / f"{name}.json").read_text()) for name in _NAMES]
    said = [(each["channel"], each["text"]) for body in bodies for each in body["utterances"]]
    segments: list[Segment] = []
    at, words = 0.0, 0
    while words < _WORDS:
        channel, text = said[len(segments) % len(said)]
        parts = text.split()
        starts = [at + _WORD_S * index for index in range(len(parts))]
        spoken = tuple(
            Word(start, start + _WORD_S - 0.05, part)
            for start, part in zip(starts, parts, strict=True)
        )
        end = spoken[-1].end
        segments.append(Segment(len(segments) + 1, channel, at, end, text, spoken))
        at, words = end + _PAUSE_S, words + len(parts)
    return segments


def many_rules() -> RuleSet:
    rules = default_rules()
    made = [
        replace(rules.rules[n % len(rules.rules)], name=f"rule {n}", category=f"category {n}")
        for n in range(_RULES)
    ]
    return replace(rules, rules=tuple(made), categories=tuple(each.category for each in made))


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What came of it, and the CPU seconds of the best of three."""
    best, result = float("inf"), None
    for _ in range(_TRIES):
        started = time.process_time()
        result = work()
        best = min(best, time.process_time() - started)
    return result, best


def _judged(segments: list[Segment], length_s: float) -> tuple[list[Segment], CallSentiment]:
    _analyzer.cache_clear()
    judging = judged(segments, VaderJudge(), length_s=length_s, language="en", roles=_ROLES)
    return asyncio.run(judging)


def _scored(
    segments: list[Segment], length_s: float, metrics: CallMetrics, sentiment: CallSentiment
) -> Any:
    rubric = default_rubric()
    return score_call(
        rubric, segments, length_s, metrics=metrics, sentiment=sentiment, roles=_ROLES
    )
