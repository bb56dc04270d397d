"""Make the small graphs that decode on a GPU: ``python -m scripts.make_decoding_graphs``.

``twicetold.engines.parakeet.on_device`` says what they are for. They have no weights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_TO = Path(__file__).parent.parent / "src/twicetold/engines/parakeet/graphs"
_FLOAT, _INT, _BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def gather() -> onnx.ModelProto:
    """The frames at the places of each stream, and its state, or the next one where it is kept."""
    nodes = [
        helper.make_node("GatherND", ["frames", "places"], ["rows"], batch_dims=1),
        helper.make_node("Transpose", ["rows"], ["taken"], perm=[0, 2, 1]),
        helper.make_node("Where", ["kept", "h_next", "h"], ["h_now"]),
        helper.make_node("Where", ["kept", "c_next", "c"], ["c_now"]),
    ]
    state = ["L", "B", "W"]
    states = [(name, _FLOAT, state) for name in ("h", "h_next", "c", "c_next")]
    return _model(
        "gather",
        nodes,
        [
            ("frames", _FLOAT, ["B", "T", "D"]),
            ("places", _INT, ["B", "A", 1]),
            ("kept", _BOOL, [1, "B", 1]),
            *states,
        ],
        [("taken", _FLOAT, ["B", "D", "A"]), ("h_now", _FLOAT, state), ("c_now", _FLOAT, state)],
        {},
    )


def pick(*, durations: bool) -> onnx.ModelProto:
    """Of logits, the likeliest token, its log-probability, and the likeliest duration (or 0).

    By TopK, of which the first of equals comes first, as on the host; ArgMax and ReduceLogSumExp
    take a GPU milliseconds."""
    nodes = [
        helper.make_node("Squeeze", ["logits", "two"], ["flat"]),
        helper.make_node("Slice", ["flat", "zero", "tokens", "two"], ["of_tokens"]),
        helper.make_node("TopK", ["of_tokens", "one"], ["highest", "best_1"], axis=-1),
        helper.make_node("LogSoftmax", ["of_tokens"], ["certainties"], axis=-1),
        helper.make_node("GatherElements", ["certainties", "best_1"], ["certainty_1"], axis=2),
        helper.make_node("Squeeze", ["certainty_1", "two"], ["certainty"]),
        helper.make_node("Squeeze", ["best_1", "two"], ["best"]),
    ]
    if durations:
        nodes += [
            helper.make_node("Slice", ["flat", "tokens", "end", "two"], ["of_durations"]),
            helper.make_node("TopK", ["of_durations", "one"], ["longest", "steps_1"], axis=-1),
            helper.make_node("Squeeze", ["steps_1", "two"], ["steps"]),
        ]
    else:
        nodes.append(helper.make_node("Sub", ["best", "best"], ["steps"]))
    constants = {
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "two": np.array([2], np.int64),
        "end": np.array([2**40], np.int64),
    }
    return _model(
        "pick",
        nodes,
        [("logits", _FLOAT, ["B", "A", 1, "V"]), ("tokens", _INT, [1])],
        [
            ("best", _INT, ["B", "A"]),
            ("steps", _INT, ["B", "A"]),
            ("certainty", _FLOAT, ["B", "A"]),
        ],
        constants,
    )


def _model(
    name: str,
    nodes: list[onnx.NodeProto],
    inputs: list[tuple[str, int, list[str | int]]],
    outputs: list[tuple[str, int, list[str | int]]],
    constants: dict[str, np.ndarray],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


GRAPHS = {
    "gather": gather,
    "pick_tdt": lambda: pick(durations=True),
    "pick_rnnt": lambda: pick(durations=False),
}


def main() -> None:
    for name, make in GRAPHS.items():
        onnx.save(make(), _TO / f"{name}.onnx")


if __name__ == "__main__":
    main()
