"""A model's graphs, loaded by onnx-asr, whose layout of files, features and encoder they are.

Its decoding goes through one utterance at a time, from a state of its own: ours takes its place
(``transducer``). The names with an underscore are those of onnx-asr 0.12; the extra pins it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from twicetold.engines.parakeet import devices
from twicetold.engines.parakeet.board import Floats
from twicetold.engines.parakeet.ctc import CtcGreedy
from twicetold.engines.parakeet.devices import Provider
from twicetold.engines.parakeet.on_device import OnDevice
from twicetold.engines.parakeet.transducer import Greedy
from twicetold.engines.parakeet.wording import Vocabulary
from twicetold.errors import EngineFailed, MissingExtra

_ERRORS_ONLY = 3
_TRIAL_SAMPLES = 16_000
_ENCODERS = ("encoder-model", "model")  # of a transducer, of CTC


class DecoderJoint:
    """See ``board.Joint``."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        shapes = {each.name: each.shape for each in session.get_inputs()}
        self.layers, _, self.width = shapes["input_states_1"]

    def run(
        self, frames: Floats, last: NDArray[np.int32], h: Floats, c: Floats
    ) -> tuple[Floats, Floats, Floats]:
        outputs, h_next, c_next = self._session.run(
            ["outputs", "output_states_1", "output_states_2"],
            {
                "encoder_outputs": frames,
                "targets": last[:, None],
                "target_length": np.ones(len(last), np.int32),
                "input_states_1": h,
                "input_states_2": c,
            },
        )
        return outputs[:, :, 0], h_next, c_next


class Model:
    """What is shared by all streams."""

    def __init__(
        self,
        directory: Path,
        *,
        quantization: str | None,
        threads: int,
        device: str = "auto",
        tf32: bool = True,
    ) -> None:
        """``quantization`` None: that of the files which lie there, and none where both do.
        ``threads`` 0: as many as there are cores. ``device``, ``tf32``: see ``devices.providers``.
        Raises SettingError, MissingExtra and EngineFailed."""
        quantization = quantization or _quantization(directory)
        self.quantized = quantization is not None
        if self.quantized and device == "auto":
            device = "cpu"  # a GPU has few of its operations, and would send for the rest
        wanted = devices.providers(device, directory, tf32=tf32)
        options = _options(threads)
        self._asr = _loaded(directory, quantization, options, wanted)
        self.vocabulary = _vocabulary(directory)
        self._is_ctc = hasattr(self._asr, "_model")
        encoder = self._asr._model if self._is_ctc else self._asr._encoder
        devices.check(device, encoder)
        self.on_gpu = devices.on_cuda(encoder)
        self.greedy: Greedy | CtcGreedy
        if self._is_ctc:
            self.greedy = CtcGreedy(blank=self.vocabulary.blank)
        else:
            self.greedy = self._transducer(_joint(self._asr, options, wanted), options)
        self._try(directory)

    def _try(self, directory: Path) -> None:
        """Files of different exports can be loaded together, and would fail at each sound."""
        hint = "Its files may be of different exports, or config.json missing: get it again whole."
        try:
            (frames,) = self.encode([np.zeros(_TRIAL_SAMPLES, np.float32)])
            self.greedy.decode([(frames, self.greedy.start())])
        except Exception as error:  # onnxruntime's, or what shapes that do not fit make of numpy
            raise EngineFailed(f"The model in {directory} hears nothing: {error}", hint) from error
        tokens = len(self.vocabulary)
        if self._is_ctc and frames.shape[-1] != tokens:
            told = f"tells {frames.shape[-1]} tokens but its vocab.txt has {tokens}"
            raise EngineFailed(f"The model in {directory} {told}.", hint)

    def _transducer(
        self, joint: onnxruntime.InferenceSession, options: onnxruntime.SessionOptions
    ) -> Greedy:
        from onnx_asr.models.nemo import NemoConformerTdt

        tokens, is_tdt = len(self.vocabulary), isinstance(self._asr, NemoConformerTdt)
        on_device = (
            OnDevice(joint, tokens=tokens, has_durations=is_tdt, options=options)
            if self.on_gpu
            else None
        )
        return Greedy(
            DecoderJoint(joint),
            tokens=tokens,
            blank=self.vocabulary.blank,
            most_per_frame=self._asr._max_tokens_per_step,
            lay_out=on_device,
        )

    def encode(self, sounds: Sequence[Floats], padded: int = 0) -> list[Floats]:
        """Sounds at 16 kHz, -1 to 1 → frames [T, D] of each, of a CTC model its log-probabilities
        [T, tokens]. All have one length, or are padded to
        that many samples, which the model is told and does not hear."""
        lengths = np.array([len(sound) for sound in sounds], np.int64)
        batch = np.zeros((len(sounds), max(padded, int(lengths[0]))), np.float32)
        for row, sound in enumerate(sounds):
            batch[row, : len(sound)] = sound
        features, feature_lengths = self._asr._preprocessor(batch, lengths)
        frames, frame_lengths = self._asr._encode(features, feature_lengths)
        return [
            np.ascontiguousarray(each[:length])
            for each, length in zip(frames, frame_lengths, strict=True)
        ]


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _ERRORS_ONLY
    return options


def _joint(
    asr: Any, options: onnxruntime.SessionOptions, wanted: Sequence[Provider]
) -> onnxruntime.InferenceSession:
    """The decoder's session. TensorRT would build it anew for each number of streams."""
    if wanted[0][0] != devices.TENSORRT:
        session: onnxruntime.InferenceSession = asr._decoder_joint
        return session
    return onnxruntime.InferenceSession(
        asr._decoder_joint._model_path, sess_options=options, providers=list(wanted[1:])
    )


def _loaded(
    directory: Path,
    quantization: str | None,
    options: onnxruntime.SessionOptions,
    wanted: Sequence[Provider],
) -> Any:
    try:
        import onnx_asr
        from onnx_asr.models.nemo import NemoConformerCtc, NemoConformerRnnt
    except ImportError as error:
        raise MissingExtra(
            "Engine parakeet needs the package onnx-asr.", "pip install 'twicetold[parakeet]'"
        ) from error
    try:
        asr = onnx_asr.load_model(
            _kind(directory),
            directory,
            quantization=quantization,
            sess_options=options,
            providers=list(wanted),
        ).asr
    except Exception as error:  # onnx-asr and onnxruntime have each a tree of their own
        raise EngineFailed(
            f"The model in {directory} cannot be loaded: {error}",
            "It takes the layout of onnx-asr: encoder-model.onnx and decoder_joint-model.onnx (of "
            "CTC: model.onnx), vocab.txt and config.json. See docs/engines.md.",
        ) from error
    if not isinstance(asr, NemoConformerRnnt | NemoConformerCtc):
        raise EngineFailed(
            f"The model in {directory} is neither a transducer (TDT, RNN-T) nor CTC."
        )
    return asr


def _quantization(directory: Path) -> str | None:
    whole = any((directory / f"{name}.onnx").exists() for name in _ENCODERS)
    quantized = any((directory / f"{name}.int8.onnx").exists() for name in _ENCODERS)
    return "int8" if quantized and not whole else None


def _kind(directory: Path) -> str:
    """Of the transducers, exports without ``config.json``, the first that were made, are TDT."""
    try:
        kind = json.loads((directory / "config.json").read_text()).get("model_type")
    except (OSError, ValueError, AttributeError):
        kind = None
    if isinstance(kind, str):
        return kind
    ctc = any(path.name.startswith("model.") for path in directory.glob("model*.onnx"))
    return "nemo-conformer-ctc" if ctc else "nemo-conformer-tdt"


def _vocabulary(directory: Path) -> Vocabulary:
    path = directory / "vocab.txt"
    try:
        return Vocabulary(path.read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError) as error:
        raise EngineFailed(f"{path} is no list of tokens and their numbers: {error}.") from error
