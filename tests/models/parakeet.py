"""Models of Parakeet's layout with random weights, as small or as large as is asked for.

Inputs and outputs are those of the exported models (istupakov's), so the upstream library loads
them too: its own result on the same sound is what ours is held against.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shape:
    """``tokens`` counts the blank."""

    features: int = 128
    encoder: int = 24
    width: int = 16
    tokens: int = 30
    durations: int = 5
    layers: int = 2
    blank_bias: float = 1.5
    seed: int = 0


TRUE_SIZE = Shape(encoder=1024, width=640, tokens=8193, blank_bias=4.0)


def make_model(directory: Path, shape: Shape = Shape(), quantization: str = "") -> Path:
    """A TDT model (RNN-T with ``durations=0``) in a directory of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    suffix = f".{quantization}" if quantization else ""
    onnx.save(make_encoder(shape), directory / f"encoder-model{suffix}.onnx")
    onnx.save(make_decoder_joint(shape), directory / f"decoder_joint-model{suffix}.onnx")
    (directory / "vocab.txt").write_text(_vocabulary(shape), encoding="utf-8")
    kind = "nemo-conformer-tdt" if shape.durations else "nemo-conformer-rnnt"
    config = {"model_type": kind, "features_size": shape.features, "subsampling_factor": 8}
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def make_ctc(directory: Path, shape: Shape = Shape()) -> Path:
    """A CTC model: one graph, whose frames are log-probabilities. No ``config.json`` (then features
    are 80), as exports
    of old have none."""
    directory.mkdir(parents=True, exist_ok=True)
    model = make_encoder(shape)
    random = np.random.default_rng(shape.seed + 2)
    bias = np.zeros(shape.tokens, np.float32)
    bias[-1] = shape.blank_bias
    scores = random.normal(0, 3 / np.sqrt(shape.encoder), (shape.encoder, shape.tokens))
    constants = {"to_tokens": scores.astype(np.float32), "bias": bias}
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    model.graph.node.extend(
        [
            helper.make_node("Transpose", ["outputs"], ["turned"], perm=[0, 2, 1]),
            helper.make_node("MatMul", ["turned", "to_tokens"], ["scores"]),
            helper.make_node("Add", ["scores", "bias"], ["biased"]),
            helper.make_node("LogSoftmax", ["biased"], ["logprobs"], axis=-1),
        ]
    )
    del model.graph.output[:]
    told = helper.make_tensor_value_info("logprobs", TensorProto.FLOAT, ["B", "T2", shape.tokens])
    model.graph.output.append(told)
    onnx.checker.check_model(model)
    onnx.save(model, directory / "model.onnx")
    (directory / "vocab.txt").write_text(_vocabulary(shape), encoding="utf-8")
    return directory


def _vocabulary(shape: Shape) -> str:
    """Every third token begins a word."""
    pieces = []
    for number in range(shape.tokens - 1):
        letters = _letters(number)
        pieces.append(f"▁{letters}" if number % 3 == 0 else letters)
    return "".join(f"{piece} {number}\n" for number, piece in enumerate([*pieces, "<blk>"]))


def _letters(number: int) -> str:
    found = ""
    while True:
        number, letter = divmod(number, 26)
        found = chr(97 + letter) + found
        if not number:
            return found
        number -= 1


def make_encoder(shape: Shape) -> onnx.ModelProto:
    """A convolution of stride 8 that hears 2.3 s, and its square root's sign: no more."""
    random = np.random.default_rng(shape.seed)
    kernel = 33
    weights = random.normal(0, 0.3, (shape.encoder, shape.features, kernel)) / np.sqrt(kernel)
    nodes = [
        helper.make_node(
            "Conv",
            ["audio_signal", "w"],
            ["conv"],
            kernel_shape=[kernel],
            strides=[8],
            pads=[kernel // 2, kernel // 2],
        ),
        helper.make_node("Tanh", ["conv"], ["outputs"]),
        helper.make_node("Sub", ["length", "one"], ["less"]),
        helper.make_node("Div", ["less", "eight"], ["frames"]),
        helper.make_node("Add", ["frames", "one"], ["encoded_lengths"]),
    ]
    constants = {
        "w": weights.astype(np.float32),
        "one": np.array([1], np.int64),
        "eight": np.array([8], np.int64),
    }
    inputs = [
        helper.make_tensor_value_info(
            "audio_signal", TensorProto.FLOAT, ["B", shape.features, "T"]
        ),
        helper.make_tensor_value_info("length", TensorProto.INT64, ["B"]),
    ]
    outputs = [
        helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["B", shape.encoder, "T2"]),
        helper.make_tensor_value_info("encoded_lengths", TensorProto.INT64, ["B"]),
    ]
    return _model("encoder", nodes, inputs, outputs, constants)


def make_decoder_joint(shape: Shape) -> onnx.ModelProto:
    """Embedding, LSTM layers, and the joint network: tanh of the sum of both projections."""
    random = np.random.default_rng(shape.seed + 1)
    wide, all_out = shape.width, shape.tokens + shape.durations

    def normal(*size: int, scale: float = 1.0) -> Floats:
        return (random.normal(0, scale, size) / np.sqrt(size[-1])).astype(np.float32)

    out_bias = np.zeros(all_out, np.float32)
    out_bias[shape.tokens - 1] = shape.blank_bias
    constants: dict[str, NDArray[np.generic]] = {
        "embedding": normal(shape.tokens, wide, scale=4.0),
        "project_encoder": normal(wide, shape.encoder, scale=3.0).T.copy(),
        "project_predictor": normal(wide, wide, scale=2.0).T.copy(),
        "project_out": normal(all_out, wide, scale=3.0).T.copy(),
        "out_bias": out_bias,
        "axis_1": np.array([1], np.int64),
        "axis_2": np.array([2], np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["embedding", "targets"], ["embedded"]),  # [B, U, width]
        helper.make_node("Transpose", ["embedded"], ["x_0"], perm=[1, 0, 2]),
        helper.make_node("Split", ["input_states_1"], _names("h", shape.layers), axis=0),
        helper.make_node("Split", ["input_states_2"], _names("c", shape.layers), axis=0),
    ]
    for layer in range(shape.layers):
        constants[f"W{layer}"] = normal(1, 4 * wide, wide, scale=2.0)
        constants[f"R{layer}"] = normal(1, 4 * wide, wide, scale=2.0)
        nodes += [
            helper.make_node(
                "LSTM",
                [f"x_{layer}", f"W{layer}", f"R{layer}", "", "", f"h_{layer}", f"c_{layer}"],
                [f"y_{layer}", f"h_out_{layer}", f"c_out_{layer}"],
                hidden_size=wide,
            ),
            helper.make_node("Squeeze", [f"y_{layer}", "axis_1"], [f"x_{layer + 1}"]),
        ]
    nodes += [
        helper.make_node("Concat", _names("h_out", shape.layers), ["output_states_1"], axis=0),
        helper.make_node("Concat", _names("c_out", shape.layers), ["output_states_2"], axis=0),
        helper.make_node("Transpose", [f"x_{shape.layers}"], ["predicted"], perm=[1, 0, 2]),
        helper.make_node("MatMul", ["predicted", "project_predictor"], ["g"]),
        helper.make_node("Transpose", ["encoder_outputs"], ["encoded"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["encoded", "project_encoder"], ["f"]),
        helper.make_node("Unsqueeze", ["f", "axis_2"], ["f_wide"]),  # [B, T, 1, width]
        helper.make_node("Unsqueeze", ["g", "axis_1"], ["g_wide"]),  # [B, 1, U, width]
        helper.make_node("Add", ["f_wide", "g_wide"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["joined"]),
        helper.make_node("MatMul", ["joined", "project_out"], ["scores"]),
        helper.make_node("Add", ["scores", "out_bias"], ["outputs"]),
        helper.make_node("Identity", ["target_length"], ["prednet_lengths"]),
    ]
    state = [shape.layers, "B", wide]
    inputs = [
        helper.make_tensor_value_info(
            "encoder_outputs", TensorProto.FLOAT, ["B", shape.encoder, "T"]
        ),
        helper.make_tensor_value_info("targets", TensorProto.INT32, ["B", "U"]),
        helper.make_tensor_value_info("target_length", TensorProto.INT32, ["B"]),
        helper.make_tensor_value_info("input_states_1", TensorProto.FLOAT, state),
        helper.make_tensor_value_info("input_states_2", TensorProto.FLOAT, state),
    ]
    outputs = [
        helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["B", "T", "U", all_out]),
        helper.make_tensor_value_info("prednet_lengths", TensorProto.INT32, ["B"]),
        helper.make_tensor_value_info("output_states_1", TensorProto.FLOAT, state),
        helper.make_tensor_value_info("output_states_2", TensorProto.FLOAT, state),
    ]
    return _model("decoder_joint", nodes, inputs, outputs, constants)


def _names(name: str, count: int) -> list[str]:
    return [f"{name}_{number}" for number in range(count)]


def _model(
    name: str,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    constants: dict[str, NDArray[np.generic]],
) -> onnx.ModelProto:
    weights = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model
