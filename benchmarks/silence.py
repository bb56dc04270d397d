"""Words where nobody speaks, and speech that is taken for silence.

``python -m benchmarks silence [--data DIR]``:

* *invented words*: ten minutes each of silence, noise and music (``benchmarks/sounds.py``), at
  16,000 and 8,000 Hz, go through detector, endpointing and engine of the live pass and through
  those of the batch pass, on the defaults; every word that comes out was invented.
* *deleted words*: each reference word of which more than half lies outside of what the activity
  detector lets an engine hear. Sound as it is and with its speech at −35 dBFS, at 16,000 and
  8,000 Hz, live and batch. Where a reference has no word times, it is aligned with the sound
  (``benchmarks/alignment.py``); what cannot be aligned is left out, and counted.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import clips, sounds
from benchmarks.alignment import aligned
from benchmarks.clips import Clip
from benchmarks.common import save
from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.listening import Listener
from twicetold.cli.bench_calls import Samples
from twicetold.config import Settings
from twicetold.engines import Sound
from twicetold.engines.pocketsphinx import PocketsphinxEngine
from twicetold.engines.silero import SileroActivity
from twicetold.live.endpointing import Action, Begin, End, Endpointer
from twicetold.wiring.passes import batch_settings, live_settings

RATES = (16_000, 8_000)
QUIET_DBFS = -35.0
_MINUTES = 10
Spans = list[tuple[float, float]]


def run(data: Path | None = None) -> dict[str, Any]:
    """Both counts; saved as ``silence``."""
    figures = {"deleted_samples": deleted(clips.sample_clips())}
    if data is not None:
        figures["deleted_recordings"] = deleted(clips.recorded(data))
    figures["invented"] = invented()
    save("silence", figures)
    return figures


# --- words that nobody said -------------------------------------------------------------


def invented() -> dict[str, Any]:
    """Words of both passes in each ten minutes, and how often their engines were called."""
    activity, engine = SileroActivity(), PocketsphinxEngine()
    figures: dict[str, Any] = {}
    for maker, rate in itertools.product((sounds.silence, sounds.noise, sounds.music), RATES):
        sound = ten_minutes(maker, rate)
        words, utterances = live_words(activity, engine, sound, rate)
        batch, chunks = batch_words(activity, engine, sound, rate)
        figures[f"{maker.__name__}, {rate} Hz"] = {
            "seconds": len(sound) / rate,
            "kinds": len(list(maker(rate))),
            "live_words": words,
            "live_utterances": utterances,
            "batch_words": batch,
            "batch_chunks": chunks,
        }
    figures["words"] = sum(each["live_words"] + each["batch_words"] for each in figures.values())
    return figures


def live_words(
    activity: SileroActivity, engine: PocketsphinxEngine, sound: Samples, rate: int
) -> tuple[int, int]:
    """Words, and utterances that went to the engine: the endpointing and the engine's streams."""
    words = utterances = 0
    stream, adaptation = engine.start(rate, "en", None), None
    for action in endpointed(activity, sound, rate):
        if isinstance(action, Begin):
            stream.close()
            stream = engine.start(rate, "en", adaptation)
            utterances += 1
        elif isinstance(action, End):
            heard = stream.finish()
            words, adaptation = words + len(heard.words), heard.adaptation
        else:
            stream.accept(action.pcm)
    stream.close()
    return words, utterances


def endpointed(activity: SileroActivity, sound: Samples, rate: int) -> Iterator[Action]:
    """What the live pass's endpointing makes of a sound, a second of it after another."""
    settings = live_settings(Settings()).endpointing
    endpointer = Endpointer(0, rate, activity.frame_samples(rate), settings)
    state = activity.start(rate)
    for at in range(0, len(sound), rate):
        endpointer.append(sound[at : at + rate].astype("<i2").tobytes())
        while frames := endpointer.unjudged():
            state = activity.start(rate) if endpointer.anew else state
            probabilities, state = activity.probabilities(state, frames)
            yield from endpointer.judge(probabilities)
    yield from endpointer.flush(all_of_it=True)


def batch_words(
    activity: SileroActivity, engine: PocketsphinxEngine, sound: Samples, rate: int
) -> tuple[int, int]:
    """Words, and chunks that went to the engine."""
    listener = Listener(activity, rate, 1, batch_settings(Settings()).chunking)
    chunks = listener.hear(sound.astype("<i2").tobytes()) + listener.finish()
    heard = [engine.transcribe(Sound(chunk.pcm, rate), "en") for chunk in chunks]
    return sum(len(each.words) for each in heard), len(chunks)


def ten_minutes(maker: Callable[..., Iterator[sounds.Piece]], rate: int) -> Samples:
    """Pieces of one kind until ten minutes are full, each round of them with another seed."""
    pieces: list[Samples] = []
    wanted, seed = _MINUTES * 60 * rate, 1
    while sum(map(len, pieces)) < wanted:
        pieces += [clips.pcm16(np.clip(piece, -1, 1)) for _, piece in maker(rate, seed)]
        seed += 10
    return np.concatenate(pieces)[:wanted]


# --- words that nobody heard -------------------------------------------------------------


def deleted(given: Sequence[Clip]) -> dict[str, Any]:
    """Share of reference words outside of all speech regions, for each rate, level and pass."""
    activity = SileroActivity()
    timed = [clip for clip in map(aligned, given) if clip.words]
    figures: dict[str, Any] = {"clips_without_word_times": len(given) - len(timed)}
    for rate, dbfs in itertools.product(RATES, (None, QUIET_DBFS)):
        lost, total = np.zeros(2, int), 0
        where: list[str] = []
        for clip in timed:
            sound, words = scene(clip, rate, dbfs)
            gone = [
                _outside(words, regions)
                for regions in (
                    live_regions(activity, sound, rate),
                    batch_regions(activity, sound, rate),
                )
            ]
            if any(gone):
                where.append(f"{clip.name}: {gone[0]}, {gone[1]} of {len(words)}")
            lost += np.array(gone)
            total += len(words)
        level = "as it is" if dbfs is None else f"{dbfs:.0f} dBFS"
        figures[f"{rate} Hz, {level}"] = {
            "words": total,
            "live": lost[0] / total,
            "batch": lost[1] / total,
            "clips": where,
        }
    return figures


def scene(clip: Clip, rate: int, dbfs: float | None) -> tuple[Samples, Spans]:
    """The clip between two seconds of a quiet room, and the spans of its words."""
    sound = clips.at_rate(clip, rate)
    if dbfs is not None:
        sound = clips.at_speech_level(sound, rate, dbfs)
    level = clips.speech_level(sound, rate)
    random = np.random.default_rng(4)
    whole, [(start, _)] = clips.laid_out([sound], [2.0, 2.0], rate, random, level - 40)
    return whole, [(start + a, start + b) for a, b in clip.words]


def live_regions(activity: SileroActivity, sound: Samples, rate: int) -> Spans:
    """What the live pass lets its engine hear."""
    regions: Spans = []
    for action in endpointed(activity, sound, rate):
        if isinstance(action, Begin):
            regions.append((action.start_sample / rate, action.start_sample / rate))
        elif isinstance(action, End):
            regions[-1] = (regions[-1][0], max(action.end_sample, action.boundary) / rate)
    return regions


def batch_regions(activity: SileroActivity, sound: Samples, rate: int) -> Spans:
    """What the batch pass lets its engine hear."""
    settings: ChunkingSettings = batch_settings(Settings()).chunking
    listener = Listener(activity, rate, 1, settings)
    chunks = listener.hear(sound.astype("<i2").tobytes()) + listener.finish()
    return [
        (region.start_sample / rate, region.end_sample / rate)
        for chunk in chunks
        for region in chunk.regions
    ]


def _outside(words: Spans, regions: Spans) -> int:
    """Words of which more than half lies in no region."""
    return sum(
        sum(max(0.0, min(b, d) - max(a, c)) for c, d in regions) < (b - a) / 2 for a, b in words
    )
