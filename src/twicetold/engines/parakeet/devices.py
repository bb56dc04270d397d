"""What a model runs on: onnxruntime's providers, by what was asked for and what is there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import onnxruntime

from twicetold.errors import EngineFailed, SettingError

Provider = tuple[str, dict[str, Any]]

CUDA, TENSORRT, CPU = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"
_NAMES = {"cuda": CUDA, "tensorrt": TENSORRT, "cpu": CPU}
_HINT = (
    "Install onnxruntime-gpu in place of onnxruntime, with the CUDA and cuDNN that it names, or "
    "leave the option device out. See docs/engines.md."
)


def providers(device: str, engines: Path, *, tf32: bool = True) -> list[Provider]:
    """The providers to ask for, best first. ``auto`` is CUDA where onnxruntime was built for it.
    ``engines``: where TensorRT keeps what it builds, if it may write there; ``tf32``: matrix
    products by 19-bit numbers.

    Raises SettingError for a device that nobody knows, EngineFailed for one that is not there."""
    if device not in ("auto", *_NAMES):
        raise SettingError(f"There is no device {device!r}; there are auto, {', '.join(_NAMES)}.")
    built_for = onnxruntime.get_available_providers()
    if device != "auto" and _NAMES[device] not in built_for:
        raise EngineFailed(f"This onnxruntime was not built for {device}.", _HINT)
    cpu: Provider = (CPU, {})
    if device == "cpu" or CUDA not in built_for:
        return [cpu]
    if hasattr(onnxruntime, "preload_dlls"):  # those that pip has installed
        onnxruntime.preload_dlls()
    # Inputs come in all lengths: an exhaustive search for each would take longer than the work.
    cuda: Provider = (
        CUDA,
        {
            "cudnn_conv_algo_search": "HEURISTIC",
            "arena_extend_strategy": "kSameAsRequested",
            "use_tf32": int(tf32),
        },
    )
    if device == "tensorrt":
        keep = engines if os.access(engines, os.W_OK) else tempfile.gettempdir()
        cache = {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(keep)}
        return [(TENSORRT, {**cache, "trt_fp16_enable": True}), cuda, cpu]
    return [cuda, cpu]


def check(device: str, session: onnxruntime.InferenceSession) -> None:
    """Raises EngineFailed where another device was asked for than the session got: onnxruntime
    goes on without one whose libraries or driver are missing."""
    if device != "auto" and _NAMES[device] not in session.get_providers():
        raise EngineFailed(f"onnxruntime could not start {device}: its log says why.", _HINT)


def on_cuda(session: onnxruntime.InferenceSession) -> bool:
    return CUDA in session.get_providers()
