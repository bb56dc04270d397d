"""Streaming Moonshine models with random weights, as moonshine-voice loads them: its five graphs by
inputs, outputs and states in its own format (.ort), a configuration and a tokenizer, though not
what lies between.

It says a word for every 0.4 s of loud sound, and the decoder tells where it looked. So the
package's own transcriber runs on it, and what that makes of a sound is what ours is held against.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
FRAME, BUFFERED = 80, 79  # samples of a frame; what the package carries of one
BLOCK = 20  # frames of memory (of 20 ms) that a word takes
BOS, EOS, QUIET = 1, 2, 259
# With a token for each byte, as a vocabulary of this kind has them.
_SPECIAL = (b"<unk>", b"<s>", b"</s>", *(bytes([byte]) for byte in range(256)), b"<quiet>")
_FAR = 1e9

Constants = Mapping[str, NDArray[np.generic]]
Value = tuple[str, int, Sequence[str | int]]


@dataclass(frozen=True, slots=True)
class Shape:
    """``attention``: whether the decoder that tells where it looks, and so when a word was, is
    there too. ``split``: whether the frontend's weights lie in a file of their own, as since
    August 2026. ``loud``: how loud a block must be to be a word. ``swayed``: whether what the
    encoder makes of a frame hangs a little on all that it is given at once, as with the published
    ones, whose 8 bits have one scale for all of it."""

    width: int = 16
    tokens: int = 360
    lookahead: int = 4
    attention: bool = True
    split: bool = True
    swayed: bool = False
    loud: float = 1.2
    seed: int = 0


def make_model(directory: Path, shape: Shape = Shape()) -> Path:
    """A model in a directory of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    graphs = {
        **_frontend(shape),
        "encoder": _encoder(shape),
        "adapter": _adapter(shape),
        "cross_kv": _cross_kv(shape),
        "decoder_kv": _decoder(shape, attention=False),
    }
    if shape.attention:
        graphs["decoder_kv_with_attention"] = _decoder(shape, attention=True)
    for name, graph in graphs.items():
        _save(graph, directory / f"{name}.ort")
    config = {
        "encoder_dim": shape.width,
        "decoder_dim": shape.width,
        "depth": 1,
        "nheads": 1,
        "head_dim": shape.width,
        "vocab_size": shape.tokens,
        "bos_id": BOS,
        "eos_id": EOS,
        "frame_len": FRAME,
        "total_lookahead": shape.lookahead,
        "d_model_frontend": shape.width,
        "c1": 2 * shape.width,
        "c2": shape.width,
        "max_seq_len": 448,
    }
    (directory / "streaming_config.json").write_text(json.dumps(config, indent=2))
    tokens = b"".join(bytes([len(token)]) + token for token in _tokens(shape))
    (directory / "tokenizer.bin").write_bytes(tokens)
    return directory


def _tokens(shape: Shape) -> list[bytes]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [f"▁{a}{b}".encode() for a in letters for b in letters]
    return [*_SPECIAL, *words[: shape.tokens - len(_SPECIAL)]]


def _frontend(shape: Shape) -> dict[str, onnx.ModelProto]:
    """Frames of 80 samples, each of them heard by random filters, then two convolutions of stride
    2 that carry what they need of the chunk before. A chunk is of whole frames, as the package's
    are, so that nothing waits in the sample buffer."""
    draw = np.random.default_rng(shape.seed)
    wide = shape.width
    second = draw.normal(0, 1, (wide, 2 * wide, 5)) / np.sqrt(wide)
    second -= second.mean(axis=(1, 2), keepdims=True)  # it hears what differs, not how loud it is
    filters = draw.normal(0, 1, (FRAME, wide))
    means = np.abs(draw.normal(0, 1, (2 * wide, wide, 5))) ** 3
    constants: Constants = {
        "rows": np.array([1, -1, FRAME], np.int64),
        "linear": (filters / np.linalg.norm(filters, axis=0)).astype(np.float32),
        "one": (means / means.sum(axis=(1, 2), keepdims=True)).astype(np.float32),
        "two": second.astype(np.float32),
        "gain": np.array([20.0], np.float32),
        "last": np.array([-4], np.int64),
        "far": np.array([2**31 - 1], np.int64),
        "time": np.array([2], np.int64),
        "axis": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Reshape", ["audio_chunk", "rows"], ["frames"]),
        helper.make_node("MatMul", ["frames", "linear"], ["filtered"]),
        helper.make_node("Abs", ["filtered"], ["power"]),
        helper.make_node("Transpose", ["power"], ["hidden"], perm=[0, 2, 1]),
        helper.make_node("Concat", ["conv1_buffer", "hidden"], ["first_in"], axis=2),
        helper.make_node("Conv", ["first_in", "one"], ["first"], strides=[2]),
        helper.make_node("Concat", ["conv2_buffer", "first"], ["second_in"], axis=2),
        helper.make_node("Conv", ["second_in", "two"], ["second"], strides=[2]),
        helper.make_node("Mul", ["second", "gain"], ["louder"]),
        helper.make_node("Tanh", ["louder"], ["bent"]),
        helper.make_node("Transpose", ["bent"], ["features"], perm=[0, 2, 1]),
        helper.make_node("Identity", ["sample_buffer"], ["sample_buffer_out"]),
        helper.make_node("Identity", ["sample_len"], ["sample_len_out"]),
        helper.make_node("Slice", ["hidden", "last", "far", "time"], ["conv1_buffer_out"]),
        helper.make_node("Slice", ["first", "last", "far", "time"], ["conv2_buffer_out"]),
        helper.make_node("Shape", ["frames"], ["sizes"]),
        helper.make_node("Gather", ["sizes", "axis"], ["count"], axis=0),
        helper.make_node("Add", ["frame_count", "count"], ["frame_count_out"]),
    ]
    states: list[Value] = [
        ("sample_buffer", FLOAT, [1, BUFFERED]),
        ("sample_len", INT64, [1]),
        ("conv1_buffer", FLOAT, [1, wide, 4]),
        ("conv2_buffer", FLOAT, [1, 2 * wide, 4]),
        ("frame_count", INT64, [1]),
    ]
    carried = [(f"{name}_out", kind, dims) for name, kind, dims in states]
    taken: list[Value] = [("audio_chunk", FLOAT, [1, "samples"]), *states]
    given: list[Value] = [("features", FLOAT, [1, "features", wide]), *carried]
    if not shape.split:
        return {"frontend": _model("frontend", nodes, taken, given, constants)}
    weights = {name: constants[name] for name in ("linear", "one", "two")}
    others = {name: value for name, value in constants.items() if name not in weights}
    told: list[Value] = [(name, FLOAT, value.shape) for name, value in weights.items()]
    passed = [helper.make_node("Identity", [f"{name}_kept"], [name]) for name in weights]
    kept = {f"{name}_kept": value for name, value in weights.items()}
    return {
        "frontend.model": _model("frontend", nodes, [*taken, *told], given, others),
        "frontend.weights": _model("weights", passed, [], told, kept),
    }


def _encoder(shape: Shape) -> onnx.ModelProto:
    """A mean over the frames around each, which are ``lookahead`` on either side."""
    wide, reach = shape.width, 2 * shape.lookahead + 1
    kernel = np.zeros((wide, 1, reach), np.float32)
    kernel[:, 0, :] = 1 / reach
    swaying = [
        helper.make_node("ReduceMean", ["features", "frames"], ["all"]),
        helper.make_node("Add", ["features", "all"], ["given"]),
    ]
    nodes = [
        *(swaying if shape.swayed else ()),
        helper.make_node(
            "Transpose", ["given" if shape.swayed else "features"], ["rows"], perm=[0, 2, 1]
        ),
        helper.make_node(
            "Conv", ["rows", "kernel"], ["mean"], pads=[shape.lookahead] * 2, group=wide
        ),
        helper.make_node("Transpose", ["mean"], ["encoded"], perm=[0, 2, 1]),
    ]
    size = [1, "frames", wide]
    return _model(
        "encoder",
        nodes,
        [("features", FLOAT, size)],
        [("encoded", FLOAT, size)],
        {"kernel": kernel, **({"frames": np.array([1], np.int64)} if shape.swayed else {})},
    )


def _adapter(shape: Shape) -> onnx.ModelProto:
    """Random weights. Where a frame lies, the decoder knows by itself."""
    draw = np.random.default_rng(shape.seed + 1)
    weights = np.linalg.qr(draw.normal(0, 1, (shape.width, shape.width)))[0].astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["pos_offset"], ["offset"], to=FLOAT),
        helper.make_node("Mul", ["offset", "nothing"], ["none"]),
        helper.make_node("MatMul", ["encoded", "weights"], ["adapted"]),
        helper.make_node("Add", ["adapted", "none"], ["memory"]),
    ]
    size = [1, "frames", shape.width]
    return _model(
        "adapter",
        nodes,
        [("encoded", FLOAT, size), ("pos_offset", INT64, [1])],
        [("memory", FLOAT, size)],
        {"weights": weights, "nothing": np.array([0], np.float32)},
    )


def _cross_kv(shape: Shape) -> onnx.ModelProto:
    """Keys and values are the memory itself, of one layer and one head."""
    nodes = [
        helper.make_node("Unsqueeze", ["memory", "axes"], ["k_cross"]),
        helper.make_node("Unsqueeze", ["memory", "axes"], ["v_cross"]),
    ]
    size = [1, 1, 1, "frames", shape.width]
    return _model(
        "cross_kv",
        nodes,
        [("memory", FLOAT, [1, "frames", shape.width])],
        [("k_cross", FLOAT, size), ("v_cross", FLOAT, size)],
        {"axes": np.array([0, 1], np.int64)},
    )


def _decoder(shape: Shape, *, attention: bool) -> onnx.ModelProto:
    """Token number n looks at block number n of the memory; the end comes where a block is not
    whole. What was said before it counts a little too."""
    draw = np.random.default_rng(shape.seed + 2)
    wide, words = shape.width, len(_SPECIAL)
    out = (draw.normal(0, 3.0, (wide, shape.tokens))).astype(np.float32)
    out[:, :words] = 0
    bias = np.zeros(shape.tokens, np.float32)
    bias[:words] = -_FAR
    bias[EOS], bias[QUIET] = 0, shape.loud
    end = np.zeros(shape.tokens, np.float32)
    end[EOS] = 1
    constants: Constants = {
        "embedding": draw.normal(0, 0.02, (shape.tokens, wide)).astype(np.float32),
        "out": out,
        "bias": bias,
        "end": end,
        "axes": np.array([0, 1], np.int64),
        "length": np.array(3, np.int64),
        "width": np.array(1, np.int64),
        "zero": np.array(0, np.int64),
        "one": np.array(1, np.int64),
        "block": np.array(BLOCK, np.int64),
        "column": np.array([1], np.int64),
        "row": np.array([0], np.int64),
        "far": np.array(_FAR, np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["embedding", "token"], ["embedded"]),  # [1, S, wide]
        helper.make_node("Unsqueeze", ["embedded", "axes"], ["new"]),
        helper.make_node("Concat", ["k_self", "new"], ["out_k_self"], axis=3),
        helper.make_node("Concat", ["v_self", "new"], ["out_v_self"], axis=3),
        # Which block each token looks at, and which each frame belongs to.
        helper.make_node("Shape", ["k_self"], ["cache_sizes"]),
        helper.make_node("Gather", ["cache_sizes", "length"], ["cached"], axis=0),
        helper.make_node("Shape", ["token"], ["token_sizes"]),
        helper.make_node("Gather", ["token_sizes", "width"], ["given"], axis=0),
        helper.make_node("Add", ["cached", "given"], ["until"]),
        helper.make_node("Range", ["cached", "until", "one"], ["number"]),
        helper.make_node("Unsqueeze", ["number", "column"], ["blocks"]),  # [S, 1]
        helper.make_node("Shape", ["out_k_cross"], ["memory_sizes"]),
        helper.make_node("Gather", ["memory_sizes", "length"], ["frames"], axis=0),
        helper.make_node("Range", ["zero", "frames", "one"], ["frame"]),
        helper.make_node("Div", ["frame", "block"], ["of_block"]),
        helper.make_node("Unsqueeze", ["of_block", "row"], ["owners"]),  # [1, M]
        helper.make_node("Equal", ["blocks", "owners"], ["looks"]),
        helper.make_node("Cast", ["looks"], ["near"], to=FLOAT),
        helper.make_node("Mul", ["near", "far"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["weights"], axis=-1),  # [S, M]
        helper.make_node("MatMul", ["weights", "out_v_cross"], ["seen"]),  # [1, 1, 1, S, wide]
        helper.make_node("Squeeze", ["seen", "axes"], ["context"]),
        helper.make_node("Add", ["context", "embedded"], ["sum"]),
        helper.make_node("MatMul", ["sum", "out"], ["scored"]),
        helper.make_node("Add", ["scored", "bias"], ["words"]),
        # The end, where the block is not whole.
        helper.make_node("Add", ["blocks", "one"], ["next"]),
        helper.make_node("Mul", ["next", "block"], ["needed"]),
        helper.make_node("Greater", ["needed", "frames"], ["short"]),
        helper.make_node("Cast", ["short"], ["is_short"], to=FLOAT),
        helper.make_node("Mul", ["is_short", "far"], ["over"]),
        helper.make_node("Mul", ["over", "end"], ["ends"]),
        helper.make_node("Add", ["words", "ends"], ["logits"]),
    ]
    cache: list[str | int] = [1, 1, 1, "cache", wide]
    grown: list[str | int] = [1, 1, 1, "grown", wide]
    memory: list[str | int] = [1, 1, 1, "frames", wide]
    inputs: list[Value] = [
        ("token", INT64, [1, "given"]),
        ("k_self", FLOAT, cache),
        ("v_self", FLOAT, cache),
        ("out_k_cross", FLOAT, memory),
        ("out_v_cross", FLOAT, memory),
    ]
    outputs: list[Value] = [
        ("logits", FLOAT, [1, "given", shape.tokens]),
        ("out_k_self", FLOAT, grown),
        ("out_v_self", FLOAT, grown),
        ("out_k_cross", FLOAT, memory),
        ("out_v_cross", FLOAT, memory),
    ]
    if attention:
        nodes.append(helper.make_node("Unsqueeze", ["weights", "axes"], ["cross_attentions.0"]))
        outputs.append(("cross_attentions.0", FLOAT, [1, 1, "given", "frames"]))
    return _model("decoder", nodes, inputs, outputs, constants)


def _model(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    constants: Constants,
) -> onnx.ModelProto:
    weights = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    taken, given = (
        [helper.make_tensor_value_info(*value) for value in values] for values in (inputs, outputs)
    )
    graph = helper.make_graph(nodes, name, taken, given, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    return model


def _save(model: onnx.ModelProto, path: Path) -> None:
    """In the format of onnxruntime, which is how these models are published."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
