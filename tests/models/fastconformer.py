"""An encoder of Parakeet's kind, at any size, with random weights: what it costs is the true one's.

FastConformer (Rekesh et al., 2023, arXiv:2305.05084): eight times fewer frames by depthwise
convolutions, then blocks of half a feed-forward network, self-attention with relative positions
(Dai et al., 2019, arXiv:1901.02860), a convolution and the other half. Parakeet 0.6b has 24 of
them, 1,024 wide. Inputs and outputs are the exported model's; batch norms are folded in, as there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tests.models.parakeet import Shape, make_model

_SMALL = 0.1  # of attention, whose mean over all frames would drown what tells them apart
_MOST_FRAMES = 5_000  # that relative positions are made for: 400 s


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """``half``: weights and arithmetic in 16 bits, inputs and outputs in 32."""

    features: int = 128
    blocks: int = 24
    width: int = 1024
    heads: int = 8
    kernel: int = 9
    channels: int = 256  # of the subsampling
    half: bool = False
    seed: int = 0

    @property
    def parameters(self) -> int:
        wide = self.width
        block = 16 * wide * wide + 5 * wide * wide + 3 * wide * wide + self.kernel * wide
        front = 2 * self.channels**2 + self.channels * (self.features // 8) * wide
        return self.blocks * block + front

    def flops(self, frames: int) -> int:
        """Of one window of so many encoder frames: products of matrices alone, two a weight."""
        weights = 2 * self.parameters * frames
        front = 2 * self.channels**2 * frames * (self.features // 8) * (4 + 1) * 2
        attention = self.blocks * 2 * frames * frames * self.width * 4
        return weights + front + attention


def save_encoder(path: Path, shape: EncoderShape = EncoderShape()) -> None:
    """Write the graph, and its weights beside it (a graph alone may not have 2 GB)."""
    onnx.save(
        _Builder(shape).model(),
        path,
        save_as_external_data=True,
        location=f"{path.name}.data",
    )


def make_true_size(directory: Path, *, tokens_bias: float = 12.0, half: bool = False) -> Path:
    """A whole model of Parakeet 0.6b's size (2.5 GB, ``half``: 1.3) in a directory of its own.
    ``tokens_bias``: towards blanks, see ``benchmarks.transducer``."""
    shape = Shape(encoder=1024, width=640, tokens=8193, blank_bias=tokens_bias)
    make_model(directory, shape)
    save_encoder(directory / "encoder-model.onnx", EncoderShape(half=half))
    return directory


class _Builder:
    def __init__(self, shape: EncoderShape) -> None:
        self._shape = shape
        self._draw = np.random.default_rng(shape.seed)
        self._floats = np.dtype(np.float16 if shape.half else np.float32)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._names = 0

    def model(self) -> onnx.ModelProto:
        audio, length = "audio_signal", "length"
        lengths = self._lengths(length)
        hidden = self._subsampled(audio)
        frames = self._op("Gather", [self._op("Shape", [hidden]), self._ints(1)])
        places = self._op("Range", [self._ints(0), frames, self._ints(1)])
        inside = self._op("Less", [places, self._op("Unsqueeze", [lengths, self._ints([1])])])
        positions = self._positions(frames)
        for _ in range(self._shape.blocks):
            hidden = self._block(hidden, inside, positions)
        turned = self._op("Transpose", [hidden], perm=[0, 2, 1])
        self._node("Cast", [turned], "outputs", to=TensorProto.FLOAT)
        return self._finished()

    def _finished(self) -> onnx.ModelProto:
        shape = self._shape
        inputs = [("audio_signal", TensorProto.FLOAT, ["B", shape.features, "T"])]
        outputs = [("outputs", TensorProto.FLOAT, ["B", shape.width, "T2"])]
        graph = helper.make_graph(
            self._nodes,
            "encoder",
            [helper.make_tensor_value_info(*each) for each in inputs]
            + [helper.make_tensor_value_info("length", TensorProto.INT64, ["B"])],
            [helper.make_tensor_value_info(*each) for each in outputs]
            + [helper.make_tensor_value_info("encoded_lengths", TensorProto.INT64, ["B"])],
            self._weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        return model

    def _lengths(self, length: str) -> str:
        less = self._op("Sub", [length, self._ints([1])])
        self._node(
            "Add",
            [self._op("Div", [less, self._ints([8])]), self._ints([1])],
            "encoded_lengths",
        )
        return "encoded_lengths"

    def _subsampled(self, audio: str) -> str:
        """[B, features, T] → [B, T / 8, width]."""
        shape, channels = self._shape, self._shape.channels
        sound = self._op("Cast", [audio], to=_onnx_type(self._floats))
        turned = self._op("Transpose", [sound], perm=[0, 2, 1])
        image = self._op("Unsqueeze", [turned, self._ints([1])])
        image = self._op("Relu", [self._conv_2d(image, 1, channels, stride=2)])
        for _ in range(2):
            image = self._conv_2d(image, channels, channels, stride=2, group=channels)
            image = self._conv_2d(image, channels, channels, kernel=1)
            image = self._op("Relu", [image])
        rows = self._op("Transpose", [image], perm=[0, 2, 1, 3])
        flat = self._op("Reshape", [rows, self._ints([0, 0, -1])])
        return self._linear(flat, channels * (shape.features // 8), shape.width, centred=True)

    def _conv_2d(
        self, x: str, inward: int, outward: int, *, kernel: int = 3, stride: int = 1, group: int = 1
    ) -> str:
        weights = self._normal(outward, inward // group, kernel, kernel, centred=True)
        pad = kernel // 2
        return self._op(
            "Conv",
            [x, weights, self._zeros(outward)],
            strides=[stride, stride],
            pads=[pad] * 4,
            group=group,
        )

    def _positions(self, frames: str) -> str:
        """Sines of the distances from frames - 1 to 1 - frames: [1, 2 × frames - 1, width]."""
        wide = self._shape.width
        distance = np.arange(_MOST_FRAMES - 1, -_MOST_FRAMES, -1)[:, None]
        rate = np.exp(-np.log(10_000.0) * np.arange(0, wide, 2) / wide)
        table = np.zeros((1, len(distance), wide), self._floats)
        table[0, :, 0::2], table[0, :, 1::2] = np.sin(distance * rate), np.cos(distance * rate)
        first = self._op("Sub", [self._ints([_MOST_FRAMES]), frames])
        behind = self._op("Add", [self._ints([_MOST_FRAMES - 1]), frames])
        return self._op("Slice", [self._constant(table), first, behind, self._ints([1])])

    def _block(self, x: str, inside: str, positions: str) -> str:
        x = self._op("Add", [x, self._halved(self._feed_forward(self._norm(x)))])
        x = self._op("Add", [x, self._attention(self._norm(x), inside, positions)])
        x = self._op("Add", [x, self._convolution(self._norm(x), inside)])
        x = self._op("Add", [x, self._halved(self._feed_forward(self._norm(x)))])
        return self._norm(x)

    def _feed_forward(self, x: str) -> str:
        wide = self._shape.width
        return self._linear(self._swish(self._linear(x, wide, 4 * wide)), 4 * wide, wide)

    def _attention(self, x: str, inside: str, positions: str) -> str:
        wide, heads = self._shape.width, self._shape.heads
        query, key, value, place = (self._linear(each, wide, wide) for each in (x, x, x, positions))
        to_heads = self._ints([0, -1, heads, wide // heads])
        query = self._op("Reshape", [query, to_heads])
        bias = (heads, wide // heads)
        by_text, by_place = (
            self._op(
                "Transpose",
                [self._op("Add", [query, self._normal(*bias)])],
                perm=[0, 2, 1, 3],
            )
            for _ in range(2)
        )
        keys, places = (
            self._op("Transpose", [self._op("Reshape", [each, to_heads])], perm=[0, 2, 3, 1])
            for each in (key, place)
        )
        scores = self._op(
            "Add",
            [
                self._op("MatMul", [by_text, keys]),
                self._shifted(self._op("MatMul", [by_place, places])),
            ],
        )
        scores = self._op("Mul", [scores, self._scalar((wide // heads) ** -0.5)])
        seen = self._op("Unsqueeze", [inside, self._ints([1, 2])])
        scores = self._op("Where", [seen, scores, self._scalar(-10_000.0)])
        values = self._op("Transpose", [self._op("Reshape", [value, to_heads])], perm=[0, 2, 1, 3])
        heard = self._op("MatMul", [self._op("Softmax", [scores], axis=-1), values])
        heard = self._op("Transpose", [heard], perm=[0, 2, 1, 3])
        heard = self._op("Reshape", [heard, self._ints([0, 0, -1])])
        return self._op("Mul", [self._linear(heard, wide, wide), self._scalar(_SMALL)])

    def _shifted(self, scores: str) -> str:
        """[B, heads, T, 2 T - 1] by distance → [B, heads, T, T] by place, as the paper's appendix
        does it: a column of zeros, read in rows that are one longer."""
        padded = self._op("Pad", [scores, self._ints([0, 0, 0, 1, 0, 0, 0, 0])])
        dims = self._op("Shape", [padded])
        front = self._op("Slice", [dims, self._ints([0]), self._ints([2])])
        rows = self._op("Slice", [dims, self._ints([2]), self._ints([3])])
        read = self._op("Concat", [front, self._ints([-1]), rows], axis=0)
        read = self._op("Reshape", [padded, read])
        read = self._op("Slice", [read, self._ints([1]), self._ints([2**40]), self._ints([2])])
        back = self._op("Reshape", [read, self._op("Shape", [scores])])
        return self._op("Slice", [back, self._ints([0]), rows, self._ints([3])])

    def _convolution(self, x: str, inside: str) -> str:
        wide, kernel = self._shape.width, self._shape.kernel
        doubled = self._op("Transpose", [self._linear(x, wide, 2 * wide)], perm=[0, 2, 1])
        halves = [self._name(), self._name()]
        self._nodes.append(helper.make_node("Split", [doubled], halves, axis=1))
        gated = self._op("Mul", [halves[0], self._op("Sigmoid", [halves[1]])])
        heard = self._op("Unsqueeze", [inside, self._ints([1])])
        gated = self._op("Where", [heard, gated, self._scalar(0.0)])
        mixed = self._op(
            "Conv",
            [gated, self._normal(wide, 1, kernel), self._zeros(wide)],
            pads=[kernel // 2] * 2,
            group=wide,
        )
        turned = self._op("Transpose", [self._swish(mixed)], perm=[0, 2, 1])
        return self._linear(turned, wide, wide)

    def _linear(self, x: str, inward: int, outward: int, *, centred: bool = False) -> str:
        weights = self._normal(inward, outward, fan_in=inward, centred=centred)
        return self._op("MatMul", [x, weights])

    def _norm(self, x: str) -> str:
        ones = self._constant(np.ones(self._shape.width, self._floats))
        return self._op(
            "LayerNormalization", [x, ones, self._zeros(self._shape.width)], epsilon=1e-5
        )

    def _swish(self, x: str) -> str:
        return self._op("Mul", [x, self._op("Sigmoid", [x])])

    def _halved(self, x: str) -> str:
        return self._op("Mul", [x, self._scalar(0.5)])

    def _op(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        return self._node(kind, inputs, self._name(), **attributes)

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _name(self) -> str:
        self._names += 1
        return f"n{self._names}"

    def _normal(self, *size: int, fan_in: int = 0, centred: bool = False) -> str:
        """``centred``: what is the same everywhere counts for nothing, only differences do."""
        axes = (0,) if fan_in else tuple(range(1, len(size)))
        fan_in = fan_in or int(np.prod(size[1:]))
        drawn = self._draw.standard_normal(size, np.float32) / np.float32(np.sqrt(fan_in))
        if centred:
            drawn -= drawn.mean(axis=axes, keepdims=True)
        return self._constant(drawn.astype(self._floats))

    def _zeros(self, size: int) -> str:
        return self._constant(np.zeros(size, self._floats))

    def _scalar(self, value: float) -> str:
        return self._constant(np.array(value, self._floats))

    def _ints(self, value: int | list[int]) -> str:
        return self._constant(np.array(value, np.int64))

    def _constant(self, value: np.ndarray[Any, Any]) -> str:
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(value, name))
        return name


def _onnx_type(kind: np.dtype[Any]) -> int:
    return TensorProto.FLOAT16 if kind == np.float16 else TensorProto.FLOAT
