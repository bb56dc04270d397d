"""Streaming transducers with random weights, as sherpa-onnx loads them: a zipformer (of the second
kind, whose states are many) by inputs, outputs and metadata, though not by what lies between.

Its encoder hears a little more than a chunk and carries one of the states; all others pass through
it. So the package's own recognizer runs on it, and what that makes of a sound is what ours is held
against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
FEATURES, SUBSAMPLING, CONTEXT = 80, 4, 2
_SILENCE, _SPREAD = -15.9, 9.0  # of the features: what nothing is, and how far sound lies above it


@dataclass(frozen=True, slots=True)
class Shape:
    """``chunk`` and ``window`` in feature frames of 10 ms: what each step takes, what it hears.
    ``batch``: how many streams the graphs take at once; "N": any number."""

    width: int = 16
    tokens: int = 30
    chunk: int = 32
    window: int = 45
    left: int = 8
    kernel: int = 15
    batch: str | int = "N"
    blank_bias: float = 8.5
    small_letters: bool = True
    seed: int = 0


def make_model(directory: Path, shape: Shape = Shape(), suffix: str = "") -> Path:
    """A model in a directory of its own; ``suffix`` of its graphs' names: ``-epoch-99.int8``."""
    directory.mkdir(parents=True, exist_ok=True)
    onnx.save(_encoder(shape), directory / f"encoder{suffix}.onnx")
    onnx.save(_decoder(shape), directory / f"decoder{suffix}.onnx")
    onnx.save(_joiner(shape), directory / f"joiner{suffix}.onnx")
    (directory / "tokens.txt").write_text(_tokens(shape), encoding="utf-8")
    return directory


def _tokens(shape: Shape) -> str:
    """The blank, and letters, two of three of which begin a word."""
    lines = ["<blk>", "<sos/eos>", "<unk>"]
    for number in range(shape.tokens - len(lines)):
        letter = chr(ord("a" if shape.small_letters else "A") + number % 26) * (1 + number // 26)
        lines.append(f"▁{letter}" if number % 3 < 2 else letter)
    return "".join(f"{token} {number}\n" for number, token in enumerate(lines))


def _encoder(shape: Shape) -> onnx.ModelProto:
    """A convolution over the window, and the mean of the last frames before it."""
    draw = np.random.default_rng(shape.seed)
    wide, frames = shape.width, shape.chunk // SUBSAMPLING
    heard = shape.window - SUBSAMPLING * (frames - 1)
    weights = draw.normal(0, 12.0, (wide, FEATURES, heard)) / np.sqrt(FEATURES * heard)
    weights -= weights.mean(axis=(1, 2), keepdims=True)  # it hears what differs, not how loud it is
    constants: dict[str, NDArray[np.generic]] = {
        "w": weights.astype(np.float32),
        "silence": np.array(_SILENCE, np.float32),
        "spread": np.array(_SPREAD, np.float32),
        "recur": (draw.normal(0, 1.0, (wide, wide)) / np.sqrt(wide)).astype(np.float32),
        "kept_from": np.array([-(shape.kernel // 2)], np.int64),
        "far": np.array([2**31 - 1], np.int64),
        "time": np.array([2], np.int64),
        "step": np.array([frames], np.int64),
    }
    states = _states(shape)
    names = list(states)
    remembered, count = "cached_conv1_0", "processed_lens"
    passed = [name for name in names if name not in (remembered, count)]
    nodes = [
        helper.make_node("Sub", ["x", "silence"], ["loud"]),
        helper.make_node("Div", ["loud", "spread"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["features"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["features", "w"], ["conv"], strides=[SUBSAMPLING]),
        helper.make_node("ReduceMean", [remembered], ["mean"], axes=[2]),
        helper.make_node("Transpose", ["mean"], ["mean_row"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["mean_row", "recur"], ["recurred"]),
        helper.make_node("Transpose", ["recurred"], ["before"], perm=[0, 2, 1]),
        helper.make_node("Add", ["conv", "before"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["encoded"]),  # [N, width, frames]
        helper.make_node("Transpose", ["encoded"], ["encoder_out"], perm=[0, 2, 1]),
        helper.make_node("Concat", [remembered, "encoded"], ["all"], axis=2),
        helper.make_node("Slice", ["all", "kept_from", "far", "time"], [f"new_{remembered}"]),
        helper.make_node("Add", [count, "step"], [f"new_{count}"]),
        *(helper.make_node("Identity", [name], [f"new_{name}"]) for name in passed),
    ]
    inputs = [("x", FLOAT, [shape.batch, shape.window, FEATURES])]
    inputs += [(name, kind, dims) for name, (kind, dims) in states.items()]
    outputs = [("encoder_out", FLOAT, [shape.batch, frames, wide])]
    outputs += [(f"new_{name}", kind, dims) for name, (kind, dims) in states.items()]
    metadata = {
        "model_type": "zipformer2",
        "encoder_dims": wide,
        "query_head_dims": 4,
        "value_head_dims": 4,
        "num_heads": 1,
        "num_encoder_layers": 1,
        "cnn_module_kernels": shape.kernel,
        "left_context_len": shape.left,
        "T": shape.window,
        "decode_chunk_len": shape.chunk,
    }
    return _model("encoder", nodes, inputs, outputs, constants, metadata)


def _states(shape: Shape) -> dict[str, tuple[int, list[str | int]]]:
    """What is carried from chunk to chunk, in the package's order: six of each layer, and two."""
    many, wide, left = shape.batch, shape.width, shape.left
    half = shape.kernel // 2
    return {
        "cached_key_0": (FLOAT, [left, many, 4]),
        "cached_nonlin_attn_0": (FLOAT, [1, many, left, 3 * wide // 4]),
        "cached_val1_0": (FLOAT, [left, many, 4]),
        "cached_val2_0": (FLOAT, [left, many, 4]),
        "cached_conv1_0": (FLOAT, [many, wide, half]),
        "cached_conv2_0": (FLOAT, [many, wide, half]),
        "embed_states": (FLOAT, [many, 128, 3, (((FEATURES - 1) // 2) - 1) // 2]),
        "processed_lens": (INT64, [many]),
    }


def _decoder(shape: Shape) -> onnx.ModelProto:
    """Without a state: the sum of what the last two tokens are."""
    draw = np.random.default_rng(shape.seed + 1)
    constants: dict[str, NDArray[np.generic]] = {
        "embedding": draw.normal(0, 0.3, (shape.tokens, shape.width)).astype(np.float32),
        "weights": np.array([[[0.4], [1.0]]], np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["embedding", "y"], ["embedded"]),
        helper.make_node("Mul", ["embedded", "weights"], ["weighted"]),
        helper.make_node("ReduceMean", ["weighted"], ["decoder_out"], axes=[1], keepdims=0),
    ]
    inputs = [("y", INT64, [shape.batch, CONTEXT])]
    outputs = [("decoder_out", FLOAT, [shape.batch, shape.width])]
    metadata = {"context_size": CONTEXT, "vocab_size": shape.tokens}
    return _model("decoder", nodes, inputs, outputs, constants, metadata)


def _joiner(shape: Shape) -> onnx.ModelProto:
    """Whatever it hears, it never takes it for a token without letters."""
    draw = np.random.default_rng(shape.seed + 2)
    weights = draw.normal(0, 1.5, (shape.width, shape.tokens)).astype(np.float32)
    weights[:, 0] = 0
    bias = np.zeros(shape.tokens, np.float32)
    bias[:3] = shape.blank_bias, -100, -100
    constants: dict[str, NDArray[np.generic]] = {"out": weights, "bias": bias}
    nodes = [
        helper.make_node("Add", ["encoder_out", "decoder_out"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["joined"]),
        helper.make_node("MatMul", ["joined", "out"], ["scores"]),
        helper.make_node("Add", ["scores", "bias"], ["logit"]),
    ]
    wide = [shape.batch, shape.width]
    inputs = [("encoder_out", FLOAT, wide), ("decoder_out", FLOAT, wide)]
    outputs = [("logit", FLOAT, [shape.batch, shape.tokens])]
    return _model("joiner", nodes, inputs, outputs, constants, {"joiner_dim": shape.width})


Value = tuple[str, int, Sequence[str | int]]


def _model(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    constants: Mapping[str, NDArray[np.generic]],
    metadata: Mapping[str, object],
) -> onnx.ModelProto:
    weights = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    taken, given = (
        [helper.make_tensor_value_info(*value) for value in values] for values in (inputs, outputs)
    )
    graph = helper.make_graph(nodes, name, taken, given, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    helper.set_model_props(model, {key: str(value) for key, value in metadata.items()})
    onnx.checker.check_model(model)
    return model
