"""A board in a GPU's memory: frames and states stay there, a few numbers a stream come back.

Each look is three runs: ``gather`` picks the frames and takes over the states of who had a token,
the model's joint judges them, ``pick`` finds the likeliest. The two small graphs are made by
``scripts/make_decoding_graphs.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from twicetold.engines.parakeet.board import Board, Chunk, Floats, Places, Seen

_MOST_AHEAD = 8  # more rows cost a GPU next to nothing
_STATES = ("input_states_1", "input_states_2")
_STATES_NEXT = ("output_states_1", "output_states_2")
_CUDA = "CUDAExecutionProvider"

Value: TypeAlias = Any  # onnxruntime.OrtValue; onnxruntime brings no types


class OnDevice:
    """Lays out boards for one model. ``device``: "cuda" ("cpu" too, which tests use)."""

    def __init__(
        self,
        joint: onnxruntime.InferenceSession,
        *,
        tokens: int,
        has_durations: bool,
        options: onnxruntime.SessionOptions,
        device: str = "cuda",
    ) -> None:
        self.joint, self.device = joint, device
        self.tokens = np.array([tokens], np.int64)
        graph = partial(_graph, options=options, device=device)
        self.gather = graph("gather")
        self.pick = graph("pick_tdt" if has_durations else "pick_rnnt")

    def __call__(self, chunks: Sequence[Chunk]) -> Board:
        return DeviceBoard(self, chunks)

    def put(self, array: NDArray[np.generic]) -> Value:
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), self.device, 0)


def _graph(
    name: str, options: onnxruntime.SessionOptions, device: str
) -> onnxruntime.InferenceSession:
    data = files("twicetold.engines.parakeet").joinpath("graphs", f"{name}.onnx").read_bytes()
    providers = [_CUDA] if device == "cuda" else []
    return onnxruntime.InferenceSession(
        data, sess_options=options, providers=[*providers, "CPUExecutionProvider"]
    )


class DeviceBoard:
    """A Board. All its streams are looked at each time, also those that are through: a gap in the
    batch costs less than to close it."""

    def __init__(self, place: OnDevice, chunks: Sequence[Chunk]) -> None:
        self._place = place
        longest = max(len(frames) for frames, _ in chunks)
        wide = chunks[0][0].shape[1]
        frames = np.zeros((len(chunks), max(1, longest), wide), np.float32)
        for row, (some, _) in enumerate(chunks):
            frames[row, : len(some)] = some
        self._last_place = max(0, longest - 1)
        self._frames = place.put(frames)
        h, c = (np.stack([getattr(state, each) for _, state in chunks], axis=1) for each in "hc")
        self._states = [place.put(h), place.put(c)]
        self._next = self._states
        self._at = np.zeros(len(chunks), np.intp)
        self._last = np.zeros(len(chunks), np.int32)
        self._kept = np.zeros((1, len(chunks), 1), np.bool_)
        self._streams: Places = np.zeros(0, np.intp)

    def most_ahead(self, streams: int) -> int:
        return _MOST_AHEAD

    def look(self, streams: Places, at: Places, ahead: int, last: NDArray[np.int32]) -> Seen:
        self._streams, self._at[streams], self._last[streams] = streams, at, last
        judged = self._judge(self._gathered(ahead))
        best, steps, certainty = (each.numpy()[streams] for each in self._picked(judged))
        return Seen(best, steps, lambda row, frame: float(certainty[row, frame]))

    def keep(self, rows: Sequence[int]) -> None:
        self._kept[:, self._streams[rows]] = True

    def states(self) -> tuple[Floats, Floats]:
        if self._kept.any():
            self._gathered(1)
        h, c = (each.numpy() for each in self._states)
        return h, c

    def _gathered(self, ahead: int) -> Value:
        """The next frames of all, [streams, D, ahead], as the states are brought up to date."""
        places = np.minimum(self._at[:, None] + np.arange(ahead), self._last_place)
        gather, put = self._place.gather.io_binding(), self._place.put
        gather.bind_ortvalue_input("frames", self._frames)
        gather.bind_ortvalue_input("places", put(places[..., None].astype(np.int64)))
        gather.bind_ortvalue_input("kept", put(self._kept))
        for name, state, following in zip("hc", self._states, self._next, strict=True):
            gather.bind_ortvalue_input(name, state)
            gather.bind_ortvalue_input(f"{name}_next", following)
        frames, *self._states = self._run(self._place.gather, gather, ("taken", "h_now", "c_now"))
        self._next, self._kept[:] = self._states, False
        return frames

    def _judge(self, frames: Value) -> Value:
        put, streams = self._place.put, len(self._last)
        joint = self._place.joint.io_binding()
        joint.bind_ortvalue_input("encoder_outputs", frames)
        joint.bind_ortvalue_input("targets", put(self._last[:, None]))
        joint.bind_ortvalue_input("target_length", put(np.ones(streams, np.int32)))
        for name, state in zip(_STATES, self._states, strict=True):
            joint.bind_ortvalue_input(name, state)
        logits, *self._next = self._run(self._place.joint, joint, ("outputs", *_STATES_NEXT))
        return logits

    def _picked(self, logits: Value) -> list[Value]:
        pick = self._place.pick.io_binding()
        pick.bind_ortvalue_input("logits", logits)
        pick.bind_cpu_input("tokens", self._place.tokens)
        for name in ("best", "steps", "certainty"):
            pick.bind_output(name, "cpu")
        self._place.pick.run_with_iobinding(pick)
        return list(pick.get_outputs())

    def _run(
        self,
        session: onnxruntime.InferenceSession,
        bound: onnxruntime.IOBinding,
        outputs: Sequence[str],
    ) -> list[Value]:
        for name in outputs:
            bound.bind_output(name, self._place.device, 0)
        session.run_with_iobinding(bound)
        return list(bound.get_outputs())
