"""Models with the signatures that sherpa-onnx's diarization takes, small enough for a test.

The segmentation hears one speaker wherever there is sound; the embedding is the mean of the mel
bands, turned at random. They know nothing of voices: what is tested with them is the wiring.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_WINDOW, _FIELD, _SHIFT = 160_000, 991, 270  # samples
_CLASSES = 7  # nobody, each of three speakers, each pair of them
_BANDS, _SIZE = 80, 16


def segmentation(path: Path) -> Path:
    """``x`` f32[N, 1, T] of 16,000 Hz to ``y`` f32[N, frames, 7], log probabilities."""
    loudness = np.full((1, 1, _FIELD), 1 / _FIELD, np.float32)
    weights = np.zeros((1, _CLASSES), np.float32)
    weights[0, :2] = -4_000, 4_000
    bias = np.array([4, -4, -20, -20, -20, -20, -20], np.float32)
    nodes = [
        helper.make_node("Abs", ["x"], ["loud"]),
        helper.make_node("Conv", ["loud", "kernel"], ["mean"], strides=[_SHIFT]),
        helper.make_node("Transpose", ["mean"], ["frames"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["frames", "weights"], ["raised"]),
        helper.make_node("Add", ["raised", "bias"], ["logits"]),
        helper.make_node("LogSoftmax", ["logits"], ["y"], axis=-1),
    ]
    parts = {"kernel": loudness, "weights": weights, "bias": bias}
    described = {
        "model_type": "pyannote-segmentation-3.0",
        "num_speakers": 3,
        "powerset_max_classes": 2,
        "num_classes": _CLASSES,
        "sample_rate": 16_000,
        "window_size": _WINDOW,
        "receptive_field_size": _FIELD,
        "receptive_field_shift": _SHIFT,
    }
    shapes = (["N", 1, "T"], ["N", "F", _CLASSES])
    return _written(path, nodes, parts, shapes, described)


def embedding(path: Path) -> Path:
    """``x`` f32[N, T, 80], mel bands, to ``y`` f32[N, 16]."""
    turned = np.random.default_rng(4).normal(size=(_BANDS, _SIZE)).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "turned"], ["y"]),
    ]
    described = {
        "framework": "wespeaker",
        "language": "English",
        "url": "",
        "comment": "a test's",
        "output_dim": _SIZE,
        "sample_rate": 16_000,
        "normalize_samples": 1,
        "feature_normalize_type": "",
    }
    shapes = (["N", "T", _BANDS], ["N", _SIZE])
    return _written(path, nodes, {"turned": turned}, shapes, described)


def _written(
    path: Path,
    nodes: list[onnx.NodeProto],
    parts: dict[str, np.ndarray],
    shapes: tuple[list[str | int], list[str | int]],
    described: dict[str, object],
) -> Path:
    taken, given = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip("xy", shapes, strict=True)
    )
    constants = [numpy_helper.from_array(value, name) for name, value in parts.items()]
    graph = helper.make_graph(nodes, path.stem, [taken], [given], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, {name: str(value) for name, value in described.items()})
    onnx.save(model, str(path))
    return path
