"""How far Parakeet's ways of working lead apart: ``python -m benchmarks parakeet_differences``.

Windows against the whole recording encoded at once, and int8 against float32, by the tokens that
are told. Weights are random, at the true size: nothing was learnt, so no token leads the next by
much, and the least difference turns many. It is an upper bound, and the encoder's own error says
more. (A GPU against the CPU: ``gpu``.)
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime.quantization import QuantType, quantize_dynamic
from tests.models.fastconformer import make_true_size

from benchmarks.common import save
from twicetold.engines.parakeet.board import Floats
from twicetold.engines.parakeet.engine import ParakeetEngine
from twicetold.engines.parakeet.model import Model
from twicetold.speech.scoring import distance

_RATE = 16_000
_RECORDINGS, _RECORDING_S = 4, 90
_SOUNDS, _SOUND_S = 16, 10


def run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        whole = make_true_size(Path(directory) / "whole")
        figures = {"windows": _windows(whole)}
        figures["int8"] = _int8(whole, Path(directory) / "int8")
    save("parakeet_differences", figures)
    return figures


def _sound(seed: int, seconds: int) -> Floats:
    """Noise in syllables, with pauses."""
    draw = np.random.default_rng(seed)
    loud = np.repeat(draw.random(seconds * 5) * (draw.random(seconds * 5) > 0.2), _RATE // 5)
    return (draw.normal(0, 0.2, len(loud)) * loud).clip(-1, 1).astype(np.float32)


def _windows(path: Path) -> dict[str, Any]:
    """5/20/3 s windows, and windows that hold the whole recording."""
    told = []
    for plan in ((5.0, 20.0, 3.0), (0.0, float(_RECORDING_S + 1), 0.0)):
        engine = ParakeetEngine(str(path), window_s=plan, device="cpu")
        told.append(
            [
                [word.text for word in engine.hear_all([_sound(seed, _RECORDING_S)])[0].words]
                for seed in range(_RECORDINGS)
            ]
        )
        del engine
    return _compared(*told)


def _int8(whole: Path, to: Path) -> dict[str, Any]:
    """Dynamic quantization, as the published int8 models have it; each sound by itself, and beside
    a louder one."""
    to.mkdir()
    for name in ("encoder-model", "decoder_joint-model"):
        quantize_dynamic(
            whole / f"{name}.onnx",
            to / f"{name}.int8.onnx",
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gather"],
            use_external_data_format=name == "encoder-model",
        )
    for name in ("vocab.txt", "config.json"):
        (to / name).write_bytes((whole / name).read_bytes())
    told, encoded = [], list[list[Floats]]()
    for path in (whole, to):
        model = Model(path, quantization=None, threads=0, device="cpu")
        frames = [model.encode([_sound(seed, _SOUND_S)])[0] for seed in range(_SOUNDS)]
        heard = [model.greedy.decode([(each, model.greedy.start())])[0][0] for each in frames]
        told.append([[str(each.token) for each in emitted] for emitted in heard])
        encoded.append(frames)
    louder = (3 * _sound(99, _SOUND_S)).clip(-1, 1)
    beside = [model.encode([_sound(seed, _SOUND_S), louder])[0] for seed in range(4)]
    return {
        **_compared(*told),
        "encoder_off": _off(*encoded),
        "encoder_off_by_a_loud_neighbour": _off(encoded[1][: len(beside)], beside),
    }


def _off(some: list[Floats], others: list[Floats]) -> float:
    """Relative, in the Euclidean norm."""
    pairs = zip(some, others, strict=True)
    off = np.mean([np.linalg.norm(a - b) / np.linalg.norm(a) for a, b in pairs])
    return float(f"{off:.1e}")


def _compared(told: list[list[str]], others: list[list[str]]) -> dict[str, Any]:
    """Substitutions, insertions and deletions, in per cent of what the second ones told."""
    errors = sum(distance(a, b) for a, b in zip(told, others, strict=True))
    count = sum(map(len, others))
    return {"told": count, "differ_percent": round(100 * errors / max(1, count), 2)}
