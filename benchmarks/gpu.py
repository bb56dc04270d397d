"""Parakeet and Whisper on a GPU: ``python -m benchmarks gpu``.

Random weights at the true size (Parakeet 0.6b's encoder, joint and vocabulary; whisper-base and
large-v3-turbo), so that what is read means nothing but the arithmetic is the true one's. Ceilings
are measured first, by the same onnxruntime: a product of matrices and a sum of vectors. Live calls
on a GPU are ``calls_per_core``'s. Without a GPU that
onnxruntime reaches, it is skipped with a word.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from tests.models.fastconformer import EncoderShape, make_true_size

from benchmarks.common import save
from benchmarks.gpu_whisper import whisper_figures
from twicetold.engines.parakeet import devices
from twicetold.engines.parakeet.board import Floats, HostBoard
from twicetold.engines.parakeet.engine import ParakeetEngine
from twicetold.engines.parakeet.model import DecoderJoint, Model
from twicetold.engines.parakeet.transducer import Emitted, Greedy

_RATE = 16_000
_WINDOW_S, _TOLD_S = 28, 20  # encoded, and decoded of it
_BATCHES = (1, 4, 16, 32)
_STREAMS = (1, 16, 64, 256)
_RECORDING_S, _RECORDINGS = 300, 32
_COMPARED = 48
_WIDE, _COPIED = 8_192, 2**28  # of the ceilings' matrices; floats


def run() -> dict[str, Any]:
    if devices.CUDA not in onnxruntime.get_available_providers():
        return {"skipped": "this onnxruntime was not built for CUDA: install onnxruntime-gpu"}
    with tempfile.TemporaryDirectory() as directory:
        figures = {**_ceilings(), **_parakeet(Path(directory))}
    figures["whisper"] = whisper_figures()
    save("gpu", figures)
    return figures


def _parakeet(directory: Path) -> dict[str, Any]:
    whole = make_true_size(directory / "whole")
    half = make_true_size(directory / "half", half=True)
    figures: dict[str, Any] = {}
    frames: dict[str, list[Floats]] = {}
    told: dict[str, list[list[Emitted]]] = {}
    runs = {
        "cpu": (whole, "cpu", False),
        "fp32": (whole, "cuda", False),
        "tf32": (whole, "cuda", True),
        "fp16": (half, "cuda", True),
    }
    for name, (path, device, tf32) in runs.items():
        with _model(path, device, tf32=tf32) as model:
            if device == "cuda":
                figures[f"encoder_{name}"] = _encoder(model)
            if name == "tf32":
                figures["decoder"] = _decoder(model)
            frames[name] = [model.encode([_sound(seed)])[0] for seed in range(_COMPARED)]
            told[name] = _decoded(model.greedy, frames[name])
    figures["against_cpu"] = {
        name: _against(told["cpu"], told[name], frames["cpu"], frames[name])
        for name in runs
        if name != "cpu"
    }
    figures["recordings"] = {each: _recordings(path) for each, path in _sizes(whole, half)}
    figures["neighbours"] = {each: _neighbours(path) for each, path in _sizes(whole, half)}
    return figures


def _sizes(whole: Path, half: Path) -> list[tuple[str, Path]]:
    return [("tf32", whole), ("fp16", half)]


@contextmanager
def _model(path: Path, device: str, *, tf32: bool) -> Iterator[Model]:
    yield Model(path, quantization=None, threads=0, device=device, tf32=tf32)


def _sound(seed: int, seconds: int = _WINDOW_S) -> Floats:
    draw = np.random.default_rng(seed)
    loud = np.repeat(draw.random(seconds * 5), _RATE // 5)
    return (draw.normal(0, 0.2, len(loud)) * loud).clip(-1, 1).astype(np.float32)


def _median_s(work: Callable[[], object], times: int = 7) -> float:
    work()
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return float(np.median(took))


def _ceilings() -> dict[str, Any]:
    """TFLOP/s of a product of matrices, and TB/s of a sum in place (bytes read and written)."""
    found: dict[str, Any] = {}
    for name, kind, tf32 in (("fp32", "f4", 0), ("tf32", "f4", 1), ("fp16", "f2", 1)):
        took_s = _bound_s("MatMul", np.dtype(kind), (_WIDE, _WIDE), tf32)
        found[f"matmul_{name}_tflops"] = round(2 * _WIDE**3 / took_s / 1e12, 1)
    took_s = _bound_s("Add", np.dtype("f4"), (_COPIED,), 0)
    found["memory_tb_s"] = round(3 * 4 * _COPIED / took_s / 1e12, 2)
    return {"ceilings": found}


def _bound_s(kind: str, numbers: np.dtype[Any], shape: tuple[int, ...], tf32: int) -> float:
    """Seconds of one operation on two tensors in the GPU's memory."""
    onnx_type = TensorProto.FLOAT if numbers.itemsize == 4 else TensorProto.FLOAT16
    names = [helper.make_tensor_value_info(each, onnx_type, shape) for each in "abc"]
    graph = helper.make_graph(
        [helper.make_node(kind, ["a", "b"], ["c"])], kind, names[:2], names[2:]
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), providers=[(devices.CUDA, {"use_tf32": tf32})]
    )
    draw = np.random.default_rng(0)
    bound = session.io_binding()
    for name in "ab":
        values = draw.standard_normal(shape, np.float32).astype(numbers)
        bound.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(values, "cuda", 0))
    out = onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, numbers.type, "cuda", 0)
    bound.bind_ortvalue_output("c", out)
    return _median_s(lambda: session.run_with_iobinding(bound))


def _encoder(model: Model) -> dict[str, Any]:
    """By windows at once: features and encoder apart, and what share of audio's time they take."""
    found, asr = {}, model._asr
    shape = EncoderShape()
    encoder_frames = _WINDOW_S * 100 // 8
    for size in _BATCHES:
        sounds = np.stack([_sound(seed) for seed in range(size)])
        lengths = np.full(size, sounds.shape[1], np.int64)
        features, feature_lengths = asr._preprocessor(sounds, lengths)
        features_s = _median_s(partial(asr._preprocessor, sounds, lengths))
        there_s = _median_s(partial(asr._encode, features, feature_lengths))
        bound_s = _encoder_bound_s(asr._encoder, features, feature_lengths)
        found[f"windows_{size}"] = {
            "features_ms": round(1000 * features_s, 1),
            "encoder_ms": round(1000 * bound_s, 1),
            "with_copies_ms": round(1000 * there_s, 1),
            "encoder_rtfx": round(size * _WINDOW_S / bound_s),
            "tflops": round(size * shape.flops(encoder_frames) / bound_s / 1e12, 1),
        }
    return found


def _encoder_bound_s(session: Any, features: Floats, lengths: Any) -> float:
    """Inputs and outputs in the GPU's memory."""
    bound = session.io_binding()
    put = onnxruntime.OrtValue.ortvalue_from_numpy
    bound.bind_ortvalue_input("audio_signal", put(features, "cuda", 0))
    bound.bind_ortvalue_input("length", put(lengths, "cuda", 0))
    bound.bind_output("outputs", "cuda", 0)
    bound.bind_output("encoded_lengths", "cuda", 0)
    return _median_s(lambda: session.run_with_iobinding(bound))


def _decoder(model: Model) -> dict[str, Any]:
    """Streams of 20 s at once; ``bound``: frames and states stay in the GPU's memory; ``copied``:
    they go there and back with each look."""
    frames = [model.encode([_sound(seed, _TOLD_S)])[0] for seed in range(16)]
    copied = _copying(model)
    found: dict[str, Any] = {}
    for streams in _STREAMS:
        some = [frames[number % len(frames)] for number in range(streams)]
        audio_s = streams * _TOLD_S
        tokens = sum(len(emitted) for emitted in _decoded(model.greedy, some))
        bound_s = _median_s(partial(_decoded, model.greedy, some), 3)
        copied_s = _median_s(partial(_decoded, copied, some), 3)
        found[f"streams_{streams}"] = {
            "tokens_a_second": round(tokens / audio_s, 1),
            "bound_ms_a_second": round(1000 * bound_s / audio_s, 3),
            "copied_ms_a_second": round(1000 * copied_s / audio_s, 3),
            "bound_rtfx": round(audio_s / bound_s),
        }
    return found


def _copying(model: Model) -> Greedy:
    joint, tokens = DecoderJoint(model._asr._decoder_joint), len(model.vocabulary)
    return Greedy(
        joint,
        tokens=tokens,
        blank=model.vocabulary.blank,
        lay_out=lambda chunks: HostBoard(joint, tokens, chunks),
    )


def _decoded(greedy: Greedy, frames: Sequence[Floats]) -> list[list[Emitted]]:
    told = greedy.decode([(each, greedy.start()) for each in frames])
    return [emitted for emitted, _ in told]


def _against(
    expected: Sequence[Sequence[Emitted]],
    found: Sequence[Sequence[Emitted]],
    expected_frames: Sequence[Floats],
    found_frames: Sequence[Floats],
) -> dict[str, Any]:
    """How far another arithmetic leads: windows that differ in a token or its frame, and the
    encoder's relative error."""
    alike = [
        [each[:2] for each in some] == [each[:2] for each in others]
        for some, others in zip(expected, found, strict=True)
    ]
    off = [
        float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
        for ours, theirs in zip(found_frames, expected_frames, strict=True)
    ]
    return {
        "windows": len(alike),
        "windows_that_differ": alike.count(False),
        "tokens": sum(len(each) for each in expected),
        "encoder_error": float(f"{np.mean(off):.1e}"),
    }


def _neighbours(path: Path) -> dict[str, Any]:
    """Utterances of all lengths, each alone and all together: how many words differ."""
    engine = ParakeetEngine(str(path), device="cuda")
    draw = np.random.default_rng(5)
    sounds = [_sound(seed)[: draw.integers(8_000, 320_000)] for seed in range(_COMPARED)]
    alone = [engine.hear_all([sound])[0].words for sound in sounds]
    together = engine.hear_all(sounds)
    differ = [a != b.words for a, b in zip(alone, together, strict=True)]
    texts = [
        [word.text for word in a] != [word.text for word in b.words]
        for a, b in zip(alone, together, strict=True)
    ]
    return {"utterances": len(sounds), "differ": sum(differ), "texts_differ": sum(texts)}


def _recordings(path: Path) -> dict[str, Any]:
    """Recordings through the whole engine, in windows, all at once and one alone."""
    engine = ParakeetEngine(str(path), device="cuda", together=_RECORDINGS)
    sounds = [_sound(seed, _RECORDING_S) for seed in range(_RECORDINGS)]
    engine.hear_all(sounds[:1])
    found = {}
    for count in (1, _RECORDINGS):
        began = time.perf_counter()
        engine.hear_all(sounds[:count])
        took_s = time.perf_counter() - began
        found[f"rtfx_of_{count}"] = round(count * _RECORDING_S / took_s)
    return found
