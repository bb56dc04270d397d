"""What Whisper costs: ``python -m benchmarks whisper``.

A model of whisper-base's size (512 wide, 6 + 6 layers, 51,000 tokens) with random weights, so that
what is read means nothing but the arithmetic is the true one's: the steps of one window as float32
and int8, alone and four at once. And an hour of chunks through the whole engine against
faster-whisper's own ``transcribe``, on a small model, where what is ours weighs most. One thread,
and its CPU time: others on the machine do not count.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from tests.models.whisper import BASE, Shape, make_model, make_random, pcm_of, speech

from benchmarks.common import save
from twicetold.engines import Sound
from twicetold.engines.whisper.engine import WhisperEngine

_RATE = 16_000
_TOKENS = 100  # of a window: half a minute of speech has as many
_WINDOW_S = 30
_CHUNKS = 120  # an hour
_AT_ONCE = 4


def _least_s(work: Callable[[], object], times: int = 3) -> float:
    took = []
    for _ in range(times):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return round(min(took), 2)


def _steps(directory: Path, compute: str) -> dict[str, Any]:
    """Seconds for a window's features, encoding, 100 tokens, and word times."""
    whisper = WhisperModel(str(directory), device="cpu", compute_type=compute, cpu_threads=1)
    features = whisper.feature_extractor(speech(1, _WINDOW_S))[:, :3_000]
    encoded = whisper.encode(features)
    number = whisper.hf_tokenizer.token_to_id
    sot = [number(f"<|{name}|>") for name in ("startoftranscript", "en", "transcribe")]

    def decode(sounds: Any, count: int, beam: int) -> object:
        return whisper.model.generate(
            sounds,
            [sot] * count,
            beam_size=beam,
            max_length=len(sot) + _TOKENS,
            suppress_tokens=[number("<|endoftext|>")],
        )

    text = list(range(300, 300 + _TOKENS))
    together, beside = _together(whisper)
    return {
        "features_s": _least_s(lambda: whisper.feature_extractor(speech(1, _WINDOW_S))),
        "encode_s": _least_s(lambda: whisper.encode(features)),
        "greedy_s": _least_s(lambda: decode(encoded, 1, 1)),
        "beam_5_s": _least_s(lambda: decode(encoded, 1, 5)),
        "words_s": _least_s(lambda: whisper.model.align(encoded, sot, [text], 3_000)),
        "greedy_4_at_once_s": _least_s(lambda: decode(together, _AT_ONCE, 1), 1) / _AT_ONCE,
        "changed_by_neighbours": beside,
    }


def _together(whisper: WhisperModel) -> tuple[Any, float]:
    """Windows encoded beside each other, loud and quiet ones; and how far that is from what each
    is encoded to alone."""
    windows = []
    for seed in range(_AT_ONCE):
        loud = np.float32(0.05 if seed % 2 else 1.0)
        windows.append(whisper.feature_extractor(loud * speech(seed, _WINDOW_S))[:, :3_000])
    alone = np.stack([np.array(whisper.encode(each))[0] for each in windows])
    together = whisper.encode(np.stack(windows))
    return together, float(np.abs(alone - np.array(together)).max())


def _hour(directory: Path) -> dict[str, Any]:
    """Chunks of 30 s, each after the other, through the engine and through upstream's own call."""
    engine = WhisperEngine(str(directory), device="cpu", threads=1)
    whisper = WhisperModel(str(directory), device="cpu", compute_type="int8", cpu_threads=1)
    chunks = [pcm_of(speech(seed, _WINDOW_S - 2)) for seed in range(8)]
    took = {"ours": 0.0, "upstream": 0.0}
    for number in range(_CHUNKS):  # in turn, so that a busy machine is busy for both
        pcm = chunks[number % len(chunks)]
        began = time.process_time()
        engine.transcribe(Sound(pcm, _RATE), "en")
        between = time.process_time()
        sound = np.frombuffer(pcm, "<i2").astype(np.float32) / 32_768
        segments, _ = whisper.transcribe(
            sound,
            language="en",
            temperature=[0.0],
            condition_on_previous_text=False,
            word_timestamps=True,
        )
        list(segments)
        took["ours"] += between - began
        took["upstream"] += time.process_time() - between
    ratio = took["ours"] / took["upstream"]
    return {**{key: round(value, 1) for key, value in took.items()}, "ratio": round(ratio, 2)}


def run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        base = make_random(Path(scratch) / "base", BASE)
        steps = {compute: _steps(base, compute) for compute in ("float32", "int8")}
        hour = _hour(make_model(Path(scratch) / "reader", Shape(multilingual=True)))
    figures = {
        "steps_of": "one window of 30 s, 100 tokens; CPU seconds of one thread",
        **steps,
        "an_hour_of_chunks": hour,
        "failed": hour["ratio"] > 1.1,
    }
    save("whisper", figures)
    return figures
