"""Decoding with frames and states that stay where a GPU would have them, against the host's.

The graphs and their runs are the true ones, but for the provider: here it is the CPU's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from scripts.make_decoding_graphs import GRAPHS
from tests.models.parakeet import Shape, make_model

from twicetold.engines.parakeet import devices
from twicetold.engines.parakeet.board import Chunk, Floats, StreamState
from twicetold.engines.parakeet.model import Model
from twicetold.engines.parakeet.on_device import OnDevice
from twicetold.engines.parakeet.transducer import Emitted, Greedy
from twicetold.errors import EngineFailed, SettingError

pytestmark = pytest.mark.integration


@pytest.fixture(params=[5, 0], ids=["tdt", "rnnt"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    path = make_model(tmp_path / "model", Shape(durations=request.param))
    return Model(path, quantization=None, threads=1)


def on_device(model: Model) -> Greedy:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    tokens = len(model.vocabulary)
    joint = model._asr._decoder_joint
    return Greedy(
        model.greedy._joint,
        tokens=tokens,
        blank=model.vocabulary.blank,
        lay_out=OnDevice(
            joint,
            tokens=tokens,
            has_durations=joint.get_outputs()[0].shape[-1] != tokens,
            options=options,
            device="cpu",
        ),
    )


def in_pieces(greedy: Greedy, sounds: list[Floats], cut: int) -> list[list[Emitted]]:
    """All frames of all sounds, so many of each at a time, those that are left together."""
    states = [greedy.start() for _ in sounds]
    found: list[list[Emitted]] = [[] for _ in sounds]
    for begin in range(0, max(len(sound) for sound in sounds), cut):
        going = [n for n, sound in enumerate(sounds) if begin < len(sound)]
        chunks: list[Chunk] = [(sounds[n][begin : begin + cut], states[n]) for n in going]
        for number, (emitted, state) in zip(going, greedy.decode(chunks), strict=True):
            found[number] += emitted
            states[number] = state
    return found


@pytest.mark.parametrize("cut", [7, 50, 1_000])
@pytest.mark.slow
def test_tokens_times_and_durations_are_the_hosts(model: Model, cut: int) -> None:
    draw = np.random.default_rng(cut)
    sounds = [
        model.encode([draw.normal(0, 0.2, draw.integers(4_000, 90_000)).astype(np.float32)])[0]
        for _ in range(9)
    ]
    expected = in_pieces(model.greedy, sounds, cut)
    found = in_pieces(on_device(model), sounds, cut)
    assert sum(len(each) for each in expected) > 50
    for some, others in zip(expected, found, strict=True):
        assert [each[:3] for each in some] == [each[:3] for each in others]
        certain = [each.log_probability for each in some]
        assert [each.log_probability for each in others] == pytest.approx(certain, abs=1e-4)


def test_a_state_goes_on_from_one_board_to_the_other(model: Model) -> None:
    sound = np.random.default_rng(1).normal(0, 0.2, 60_000).astype(np.float32)
    frames, there = model.encode([sound])[0], on_device(model)
    (((whole, _)),) = model.greedy.decode([(frames, model.greedy.start())])
    ((first, state),) = there.decode([(frames[:31], there.start())])
    assert isinstance(state, StreamState)
    ((second, _),) = model.greedy.decode([(frames[31:], state)])
    assert [each[:3] for each in [*first, *second]] == [each[:3] for each in whole]


def test_the_graphs_are_those_that_their_script_makes() -> None:
    shipped = Path(devices.__file__).parent / "graphs"
    assert sorted(GRAPHS) == sorted(path.stem for path in shipped.glob("*.onnx"))
    for name, make in GRAPHS.items():
        assert (shipped / f"{name}.onnx").read_bytes() == make().SerializeToString(), name


def test_a_device_that_is_not_there_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    if devices.CUDA in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime is built for CUDA")
    path = make_model(tmp_path / "model")
    with pytest.raises(EngineFailed, match="not built for cuda") as refused:
        Model(path, quantization=None, threads=1, device="cuda")
    assert "onnxruntime-gpu" in refused.value.hint
    with pytest.raises(SettingError, match="no device 'tpu'"):
        Model(path, quantization=None, threads=1, device="tpu")
