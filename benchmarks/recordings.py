"""Recordings for the batch pass: conversations of the samples or of ``--data``, and very long
files, written a piece at a time."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks import clips
from twicetold.cli.bench_calls import Samples, speech_spans

RATE = clips.RATE


def conversation(seconds: float, data: Path | None = None, seed: int = 2) -> Samples:
    """A two-party call, shape (samples, 2): each side speaks about half of the time, in
    utterances of 2 to 15 s, without waiting for the other."""
    random = np.random.default_rng(seed)
    spoken = stretches(data)
    sides = [clips.conversation(spoken, seconds, random) for _ in range(2)]
    sound = np.zeros((round(seconds * RATE), 2), np.int16)
    for channel, side in enumerate(sides):
        pcm = np.frombuffer(side.pcm, "<i2")[: len(sound)]
        sound[: len(pcm), channel] = pcm
    return sound


def stretches(data: Path | None = None) -> list[Samples]:
    """Utterances of 2 to 15 s: clips one after another with pauses too short to end one."""
    breath, found, joined = np.zeros(RATE // 5, np.int16), [], np.zeros(0, np.int16)
    for number, clip in enumerate(clips.load(data)):
        sound = clips.at_rate(clip, RATE)
        for start, end in speech_spans(sound, RATE, least_pause_s=0.4):
            piece = sound[round(start * RATE) : round(end * RATE)]
            if len(piece) > 15 * RATE:
                continue
            if len(joined) + len(breath) + len(piece) > (2 + number % 14) * RATE:
                found.append(joined)
                joined = piece
            else:
                joined = np.concatenate((joined, breath, piece))
    return [each for each in found if 2.0 <= len(each) / RATE <= 15.0]


def sample_calls(seconds: float) -> Samples:
    """The stereo sample calls one after the other, shape (samples, 2)."""
    calls = [
        np.stack(clips.channels_of(path), axis=1)
        for path in sorted(clips.SAMPLES.glob("*.stereo.flac"))
    ]
    whole = np.concatenate(calls)
    times = -(-round(seconds * RATE) // len(whole))
    return np.tile(whole, (times, 1))[: round(seconds * RATE)]


def write_wav(path: Path, sound: Samples) -> Path:
    return stream_wav(path, [sound], sound.shape[1] if sound.ndim == 2 else 1)


def stream_wav(path: Path, pieces: Iterable[Samples], channels: int) -> Path:
    """A WAV of any length from pieces, one of them in memory."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for piece in pieces:
            file.writeframesraw(np.ascontiguousarray(piece, "<i2").tobytes())
    return path
