"""What decoding costs: ``python -m benchmarks transducer``.

Our batched TDT decoding against onnx-asr's loop, on the same encoder frames, one thread, a joint
network of the true size (640 wide, 8,193 tokens and 5 durations) with random weights. Their bias
to the blank decides how many tokens a second come: people speak three to five.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx_asr
import onnxruntime
from tests.models.parakeet import Shape, make_model

from benchmarks.common import save
from twicetold.engines.parakeet.board import Floats
from twicetold.engines.parakeet.model import Model

_RATE = 16_000
_SECONDS = 15
_SOUNDS = 32
_BY_UPSTREAM = 6
_BATCHES = (1, 8, 32)
_BIASES = (10.0, 12.0)


def _sound(seed: int) -> Floats:
    draw = np.random.default_rng(seed)
    loud = np.repeat(draw.random(_SECONDS), _RATE)
    return (draw.normal(0, 0.2, len(loud)) * loud).clip(-1, 1).astype(np.float32)


def _measured(directory: Path, bias: float) -> dict[str, Any]:
    shape = Shape(encoder=1024, width=640, tokens=8193, blank_bias=bias)
    path = make_model(directory / f"bias-{bias:g}", shape)
    alone = onnxruntime.SessionOptions()
    alone.intra_op_num_threads = alone.inter_op_num_threads = 1
    asr = onnx_asr.load_model("nemo-conformer-tdt", path, sess_options=alone).asr
    model = Model(path, quantization=None, threads=1)
    heard = [model.encode([_sound(seed)])[0] for seed in range(_SOUNDS)]

    theirs, began = [], time.perf_counter()
    for frames in heard[:_BY_UPSTREAM]:
        theirs += list(asr._decoding(frames[None], np.array([len(frames)]), need_logprobs=True))
    upstream_s = (time.perf_counter() - began) / (_BY_UPSTREAM * _SECONDS)
    figures: dict[str, Any] = {
        "tokens_a_second": round(
            sum(len(tokens) for tokens, _, _ in theirs) / (_BY_UPSTREAM * _SECONDS), 1
        ),
        "upstream_ms": round(1000 * upstream_s, 2),
    }
    same = True
    for size in _BATCHES:
        some = heard if size > 1 else heard[:_BY_UPSTREAM]
        ours, began = [], time.perf_counter()
        for at in range(0, len(some), size):
            batch = [(frames, model.greedy.start()) for frames in some[at : at + size]]
            ours += [emitted for emitted, _ in model.greedy.decode(batch)]
        took_s = (time.perf_counter() - began) / (len(some) * _SECONDS)
        figures[f"batch_{size}_ms"] = round(1000 * took_s, 2)
        figures[f"batch_{size}_ratio"] = round(took_s / upstream_s, 2)
        for (tokens, starts, _), emitted in zip(theirs, ours, strict=False):
            same &= list(tokens) == [each.token for each in emitted]
            same &= list(starts) == [each.frame for each in emitted]
    return {**figures, "same_tokens": same}


def run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        found = {f"bias_{bias:g}": _measured(Path(directory), bias) for bias in _BIASES}
    figures = {
        "ms_of": "one second of audio, one thread",
        **found,
        "failed": not all(each["same_tokens"] for each in found.values()),
    }
    save("transducer", figures)
    return figures
