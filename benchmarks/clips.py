"""Speech with its reference: recordings of a folder (``--data``), or the repository's samples.

The folder holds ``manifest.csv`` (columns file, language, speakers, reference, licence, …; paths
relative to ``speech/`` in it, or to itself). Only one speaker a clip, and only with a reference.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soxr

from twicetold.cli.bench_calls import Samples, Script, loud_frames, speech_spans

RATE = 16_000
SAMPLES = Path(__file__).parents[1] / "samples" / "calls"
_USUAL_DBFS = -23.0  # speech of a good microphone
_ROOM_DBFS = -60.0  # what lies between the clips: a quiet room


@dataclass(frozen=True)
class Clip:
    """One recording of one speaker. ``reader`` groups clips of the same voice and microphone;
    ``words`` are exact spans in seconds where they are known."""

    name: str
    source: str
    reader: str
    sound: Samples
    rate: int
    text: str
    words: tuple[tuple[float, float], ...] = ()


def load(data: Path | None) -> list[Clip]:
    """English clips of ``data``, or the samples' utterances without it."""
    return recorded(data) if data is not None else sample_clips()


def recorded(data: Path) -> list[Clip]:
    root = data / "speech" if (data / "speech").is_dir() else data
    clips = []
    with (data / "manifest.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["language"] != "en" or row["speakers"] != "1" or not row["reference"]:
                continue
            path = root / row["file"]
            text = (root / row["reference"]).read_text(encoding="utf-8").strip()
            if re.search("[0-9]", text):
                continue  # figures do not tell which words were spoken
            sound, rate = decoded(path)
            source = path.parent.name
            clips.append(Clip(path.stem, source, _reader(source, path.stem), sound, rate, text))
    return clips


def decoded(path: Path) -> tuple[Samples, int]:
    """Mono sound at 8,000 Hz where it has that, else at 16,000 Hz."""
    pieces: list[np.ndarray] = []
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate = stream.rate
        to_float = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        for frame in container.decode(stream):
            pieces += [each.to_ndarray()[0] for each in to_float.resample(frame)]
        pieces += [each.to_ndarray()[0] for each in to_float.resample(None)]
    sound = np.concatenate(pieces)
    target = 8_000 if rate == 8_000 else RATE
    return pcm16(soxr.resample(sound, rate, target) if rate != target else sound), target


def sample_clips() -> list[Clip]:
    """Each utterance of the sample calls, with the exact times of its words."""
    clips = []
    for path in sorted(SAMPLES.glob("*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))
        stereo = path.with_name(f"{path.stem}.stereo.flac")
        if not stereo.exists():
            continue
        channels = channels_of(stereo)
        for each in body["utterances"]:
            start, end = each["start_sample"], each["end_sample"]
            words = tuple(
                (w["start"] - each["start"], w["end"] - each["start"]) for w in each["words"]
            )
            reader = f"{path.stem} {each['speaker']}"
            sound = channels[each["channel"]][start:end]
            name = f"{path.stem}-{each['number']}"
            clips.append(Clip(name, "flite calls", reader, sound, RATE, each["text"], words))
    return clips


def channels_of(path: Path) -> list[Samples]:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        count = container.streams.audio[0].channels
    whole = np.concatenate(frames, axis=1)
    planes = whole if whole.shape[0] == count else whole.reshape(-1, count).T
    return [np.ascontiguousarray(plane, dtype=np.int16) for plane in planes]


def pcm16(sound: np.ndarray) -> Samples:
    """Floats of −1..1 as 16-bit samples."""
    return np.clip(np.rint(sound * 32767), -32768, 32767).astype(np.int16)


def at_rate(clip: Clip, rate: int) -> Samples:
    if clip.rate == rate:
        return clip.sound
    return pcm16(soxr.resample(clip.sound.astype(np.float32) / 32768, clip.rate, rate))


def speech_level(sound: Samples, rate: int) -> float:
    """The root mean square of the frames in which somebody speaks, in dBFS."""
    loud = loud_frames(sound, rate)
    size = int(0.02 * rate)
    values = sound[: len(loud) * size].reshape(-1, size)[loud].astype(np.float64) / 32768
    return float(10 * np.log10(np.mean(values * values) + 1e-12)) if len(values) else -120.0


def at_speech_level(sound: Samples, rate: int, dbfs: float) -> Samples:
    """``sound`` so loud that its speech has that level; never so loud that it clips."""
    floats = sound.astype(np.float64) / 32768
    gain = 10 ** ((dbfs - speech_level(sound, rate)) / 20)
    return pcm16(floats * min(gain, 0.99 / max(1e-9, float(np.max(np.abs(floats))))))


def room(samples: int, random: np.random.Generator, dbfs: float) -> np.ndarray:
    """The noise of a quiet room, as floats in units of 16-bit samples."""
    return random.standard_normal(samples) * 32768 * 10 ** (dbfs / 20)


def laid_out(
    clips: Sequence[Samples],
    pauses_s: Sequence[float],
    rate: int,
    random: np.random.Generator,
    room_dbfs: float = _ROOM_DBFS,
) -> tuple[Samples, list[tuple[float, float]]]:
    """Clips one after the other, a pause before each and one at the end (``len(clips) + 1``
    pauses), in a quiet room; with the span of each in seconds."""
    lengths = [len(clip) for clip in clips]
    gaps = [round(pause * rate) for pause in pauses_s]
    sound = room(sum(lengths) + sum(gaps), random, room_dbfs)
    at, spans = 0, []
    for clip, gap in zip(clips, gaps[:-1], strict=True):
        at += gap
        sound[at : at + len(clip)] += clip
        spans.append((at / rate, (at + len(clip)) / rate))
        at += len(clip)
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16), spans


def utterances(
    clips: Sequence[Clip], least_s: float, most_s: float, random: np.random.Generator
) -> list[Samples]:
    """Utterances of evenly spread lengths at 16,000 Hz: the clips cut at their pauses and to
    their words, and the pieces joined again with pauses too short to end an utterance. Clips
    need the times of their words: what is loud before the first one is no speech."""
    pieces: list[Samples] = []
    for clip in clips:
        sound = at_speech_level(at_rate(clip, RATE), RATE, _USUAL_DBFS)
        for start, end in speech_spans(sound, RATE, least_pause_s=0.4):
            said = [word for word in clip.words if start < sum(word) / 2 < end]
            if said:
                first, last = max(start, said[0][0]), min(end, said[-1][1])
                pieces.append(sound[round(first * RATE) : round(last * RATE)])
    breath = np.zeros(int(0.2 * RATE), np.int16)
    found: list[Samples] = []
    wanted, joined = random.uniform(least_s, most_s), np.zeros(0, np.int16)
    for piece in pieces:
        longer = np.concatenate((joined, breath, piece)) if len(joined) else piece
        if len(longer) / RATE <= most_s:
            joined = longer
        if len(joined) / RATE >= wanted or len(longer) / RATE > most_s:
            found.append(joined)
            wanted, joined = random.uniform(least_s, most_s), np.zeros(0, np.int16)
    return [each for each in found if least_s <= len(each) / RATE <= most_s]


def conversation(
    stretches: Sequence[Samples], seconds: float, random: np.random.Generator
) -> Script:
    """One side of a call: speech about half of the time, each stretch followed by a pause of
    about its own length."""
    order: Iterator[int] = iter(random.permutation(np.arange(10_000) % len(stretches)))
    chosen: list[Samples] = []
    pauses = [float(random.uniform(1.0, 6.0))]
    total = pauses[0]
    for index in order:
        stretch = stretches[index]
        length = len(stretch) / RATE
        pause = max(1.0, length * float(random.uniform(0.6, 1.4)))
        if total + length + pause > seconds:
            break
        chosen.append(stretch)
        pauses.append(pause)
        total += length + pause
    sound, spans = laid_out(chosen, pauses, RATE, random)
    return Script(sound.astype("<i2").tobytes(), RATE, tuple(spans))


def _reader(source: str, stem: str) -> str:
    """Clips of one reader are numbered: ``LJ001-0003`` and its like."""
    return f"{source} {re.sub(r'[-_]?[0-9]+$', '', stem)}"
