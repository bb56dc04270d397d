"""How much of the time in which personal data is said is covered, and how much other speech.

``python -m benchmarks redacted_sound``: the sample calls, and dialogues of ``redaction_sets``
spoken by flite (where it is installed), whose words and times are known exactly. Each goes
through the batch pass with pocketsphinx, its words through redaction, and what would be covered is
laid over the reference: once with the words as they were recognised, once with the exact ones, so
that what the recogniser did not hear is told apart from what redaction did not find.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from samples.make_samples import Dialogue as Script
from samples.make_samples import Line, make_call, to_pcm

from benchmarks.clips import channels_of
from benchmarks.common import save
from benchmarks.recordings import write_wav
from benchmarks.redaction_sets.read import FREE, Dialogue, read
from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.pipeline import Tools, transcribe_file
from twicetold.config import Settings
from twicetold.enrich.redacting import Redact
from twicetold.enrich.redaction import checked_policy
from twicetold.enrich.sound import Span, merged, spans_to_cover
from twicetold.enrich.steps import Facts, Known
from twicetold.speech.transcript import Segment, Word
from twicetold.wiring.passes import batch_tools

SAMPLES = Path(__file__).parent.parent / "samples" / "calls"
_NOT_COVERED = ("person", "date")  # of the samples: names said whole, dates that are no birthdays
_VOICES = (("slt", "rms"), ("awb", "kal16"), ("rms", "slt"))
_SPEAKER = {"agent": "agent", "customer": "caller"}


@dataclass(frozen=True)
class Spoken:
    """A call with its exact words, each personal or not."""

    name: str
    pcm: np.ndarray  # samples × 2, int16
    utterances: Sequence[tuple[int, Sequence[Word], Sequence[bool]]]  # channel, words, personal

    def times(self, personal: bool) -> list[Span]:
        return merged(
            (word.start, word.end)
            for _, words, marks in self.utterances
            for word, mark in zip(words, marks, strict=True)
            if mark is personal
        )

    def segments(self) -> list[Segment]:
        made = [
            Segment(0, channel, words[0].start, words[-1].end, _text(words), tuple(words))
            for channel, words, _ in self.utterances
        ]
        return sorted(made, key=lambda segment: segment.start)


@dataclass
class Tally:
    """Seconds of reference time, and how many of them are covered."""

    personal_s: float = 0.0
    personal_covered_s: float = 0.0
    other_s: float = 0.0
    other_covered_s: float = 0.0
    lowest: list[tuple[float, str]] = field(default_factory=list)

    def add(self, call: Spoken, covered: Sequence[Span]) -> None:
        personal, other = call.times(True), call.times(False)
        hit, length = _common(personal, covered), _length(personal)
        self.personal_s += length
        self.personal_covered_s += hit
        self.other_s += _length(other)
        self.other_covered_s += _common(other, covered)
        if length:
            self.lowest = sorted([*self.lowest, (round(hit / length, 3), call.name)])[:8]

    def told(self) -> dict[str, Any]:
        return {
            "personal_s": round(self.personal_s, 1),
            "personal_covered": round(self.personal_covered_s / max(0.001, self.personal_s), 4),
            "other_s": round(self.other_s, 1),
            "other_touched": round(self.other_covered_s / max(0.001, self.other_s), 4),
            "lowest": self.lowest,
        }


def run(calls: int = 40) -> dict[str, Any]:
    """Samples, then dialogues; saved as ``redacted_sound``."""
    stereo = sorted(SAMPLES.glob("*.stereo.flac"))
    found = {"samples": [sample(path.with_name(f"{_stem(path)}.json")) for path in stereo]}
    if shutil.which("flite") is not None:
        found["dialogues"] = spoken_dialogues(calls)
    figures = asyncio.run(_measure(found))
    save("redacted_sound", figures)
    return figures


async def _measure(found: dict[str, list[Spoken]]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    settings = Settings(batch_engine="pocketsphinx")
    async with batch_tools(settings) as tools:
        for name, calls in found.items():
            recognised, exact = Tally(), Tally()
            for call in calls:
                heard = await _heard(call, tools)
                recognised.add(call, covered(heard, tools.engine.info.time_error_s))
                exact.add(call, covered(call.segments(), 0.0))
            figures[name] = {
                "calls": len(calls),
                "recognised": recognised.told(),
                "exact_words": exact.told(),
                "padding_s": tools.engine.info.time_error_s,
            }
    return figures


def _stem(path: Path) -> str:
    return path.name.partition(".")[0]


def covered(segments: Sequence[Segment], time_error_s: float) -> list[Span]:
    """What the product would cover."""
    facts = Facts("en", 3600.0, 2, time_error_s)
    known = Redact(checked_policy()).apply(Known(tuple(segments)), facts)
    return spans_to_cover(known.insights["removed"], known.segments, facts)


async def _heard(call: Spoken, tools: Tools) -> list[Segment]:
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as folder:
        path = write_wav(Path(folder) / "call.wav", call.pcm)
        found = await transcribe_file(path, tools, language="en", settings=ChunkingSettings())
        return found.segments


def sample(path: Path) -> Spoken:
    """One of the sample calls, in stereo."""
    body = json.loads(path.read_text(encoding="utf-8"))
    utterances = []
    for each in body["utterances"]:
        words = [Word(word["start"], word["end"], word["text"]) for word in each["words"]]
        marked = {
            at
            for span in each["personal_data"]
            if span["type"] not in _NOT_COVERED
            for at in range(span["first_word"], span["last_word"] + 1)
        }
        utterances.append((each["channel"], words, [at in marked for at in range(len(words))]))
    pcm = np.stack(channels_of(path.with_name(f"{path.stem}.stereo.flac")), axis=1)
    return Spoken(path.stem, pcm, utterances)


def spoken_dialogues(most: int) -> list[Spoken]:
    """Dialogues with personal data in words that flite reads as they are written."""
    made: list[Spoken] = []
    for dialogue in read("dev"):
        if len(made) >= most:
            break
        if dialogue.style == "plain" and any(turn.marks for turn in dialogue.turns):
            call = _spoken(dialogue, _VOICES[len(made) % len(_VOICES)])
            if call is not None:
                made.append(call)
    return made


def _spoken(dialogue: Dialogue, voices: tuple[str, str]) -> Spoken | None:
    """None where flite reads a word in a way whose times it does not tell."""
    lines = [Line(0.6, _SPEAKER[turn.who], turn.text, []) for turn in dialogue.turns]
    script = Script(dialogue.id, dict(zip(("agent", "caller"), voices, strict=True)), lines)
    try:
        call = make_call(script)
    except ValueError:
        return None
    utterances = []
    for turn, said in zip(dialogue.turns, call.utterances, strict=True):
        marked = {at for mark in turn.marks if mark.kind not in FREE for at in mark.required}
        words = [Word(word["start"], word["end"], word["text"]) for word in said["words"]]
        utterances.append((said["channel"], words, [at in marked for at in range(len(words))]))
    pcm = np.stack([to_pcm(channel) for channel in call.channels], axis=1)
    return Spoken(dialogue.id, pcm, utterances)


def _text(words: Iterable[Word]) -> str:
    return re.sub(r"\s+", " ", " ".join(word.text for word in words))


def _length(spans: Iterable[Span]) -> float:
    return sum(end - start for start, end in spans)


def _common(spans: Iterable[Span], others: Sequence[Span]) -> float:
    return sum(
        max(0.0, min(end, stop) - max(start, begin))
        for start, end in spans
        for begin, stop in others
    )
