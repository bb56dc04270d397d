"""How much personal data redaction takes out of texts as recognisers write them, and how much else.

``python -m benchmarks redaction``: recall per kind with Wilson intervals, precision of words and
of runs, digits of a card that survive, and the time for a thousand words; the sets that taught
nothing one by one, together, and with words misheard.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.redaction_mishearing import misheard_call

from benchmarks.common import save
from benchmarks.redaction_sets.read import HERE, Dialogue, Turn, parse, read
from benchmarks.redaction_sets.score import Rate, Score, score
from twicetold.enrich.redaction import Redactor
from twicetold.speech.transcript import Segment, Word

# What the sets call a kind that has another name, or several, in the product.
CALLED = {
    "cvv": "card_cvv",
    "name": "spelled_name",
    "member_number": "member_id",
    "document_number": "member_id",
    "pin": "secret",
    "password": "secret",
    "security_answer": "secret",
    "one_time_code": "secret",
}
_REDACTOR = Redactor("en")


def redact(turns: Sequence[Turn]) -> list[Mapping[int, str]]:
    """Per turn, the indices of the words that go, with the sets' name of their kind."""
    return redact_with(_REDACTOR, turns)


def redact_with(redactor: Redactor, turns: Sequence[Turn]) -> list[Mapping[int, str]]:
    """`redact` by another redactor than the one that everybody gets."""
    found = redactor.redact(segments_of(turns))
    gone: list[dict[int, str]] = [{} for _ in turns]
    for removed in found.removed:
        for word in range(removed.first_word, removed.first_word + removed.words):
            gone[removed.segment][word] = CALLED.get(removed.kind, removed.kind)
    return list(gone)


def segments_of(turns: Sequence[Turn]) -> list[Segment]:
    """The turns as a stereo call, a word every 0.4 s."""
    segments, at = [], 0.0
    for number, turn in enumerate(turns, 1):
        words = tuple(
            Word(at + 0.4 * place, at + 0.4 * place + 0.3, text)
            for place, text in enumerate(turn.words)
        )
        end = at + 0.4 * len(words)
        channel = 0 if turn.who == "agent" else 1
        segments.append(Segment(number, channel, at, end, turn.text, words))
        at = end + 0.5
    return segments


UNSEEN = ("seventh", "eighth", "thirteenth")  # nothing has learned from them
# What the tagger has learned from: figures of these say little.
SEEN = (
    *("dev", "more", "third", "held_out", "fourth", "fifth", "sixth"),
    *("ninth", "tenth", "eleventh", "twelfth"),
)


def run() -> dict[str, Any]:
    """All sets; saved as ``redaction``."""
    unseen = [dialogue for name in UNSEEN for dialogue in read(name)]
    figures = {"unseen": _figures(score(unseen, redact))}
    figures["unseen, misheard"] = _figures(score(_misheard(UNSEEN), redact))
    for name in (*UNSEEN, *SEEN):
        dialogues = read(name)
        figures[name] = _figures(score(dialogues, redact))
        figures[name]["ms_per_1000_words"] = _time(dialogues)
    save("redaction", figures)
    return figures


def _misheard(names: Sequence[str]) -> list[Dialogue]:
    """Of each four words in a datum one is another, and some around it."""
    bodies = [
        json.loads(line)
        for name in names
        for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return list(parse(json.dumps(misheard_call(body)) for body in bodies))


def _figures(result: Score) -> dict[str, Any]:
    return {
        "recall": _told(result.recall),
        "recall_of_words": _told(result.word_recall),
        "recall_per_kind": {kind: _told(rate) for kind, rate in result.items.items()},
        "precision_of_words": _told(result.precision),
        "precision_of_runs": _told(result.precision_of_runs),
        "called_by_its_kind": _told(result.kinds_right),
        "card_digits_left": result.card_digits_left,
    }


def _told(rate: Rate) -> dict[str, Any]:
    low, high = rate.interval
    return {
        "share": round(rate.share, 4),
        "of": rate.of,
        "wilson_95": [round(low, 4), round(high, 4)],
    }


def _time(dialogues: Sequence[Dialogue]) -> float:
    segments = [segments_of(dialogue.turns) for dialogue in dialogues]
    words = sum(len(turn.words) for dialogue in dialogues for turn in dialogue.turns)
    began = time.process_time()
    for each in segments:
        _REDACTOR.redact(each)
    return round((time.process_time() - began) * 1000 / words * 1000, 1)
