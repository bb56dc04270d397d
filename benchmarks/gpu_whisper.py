"""Whisper's part of ``benchmarks.gpu``: CTranslate2 on a GPU, random weights at the true sizes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

_WINDOW_S, _TOKENS = 30, 100
_BATCHES = (1, 4, 16, 32)


def whisper_figures() -> dict[str, Any]:
    """Of whisper-base and large-v3-turbo, windows of 30 s and 100 tokens each."""
    try:
        import ctranslate2
        from tests.models.whisper import BASE, TURBO, Tokens, make_random
    except ImportError as error:
        return {"skipped": f"{error}: install the extra whisper"}
    if not ctranslate2.get_cuda_device_count():
        return {"skipped": "CTranslate2 sees no GPU"}
    found = {}
    with tempfile.TemporaryDirectory() as directory:
        for name, shape in (("base", BASE), ("large_v3_turbo", TURBO)):
            path = make_random(Path(directory) / name, shape)
            model = ctranslate2.models.Whisper(str(path), device="cuda", compute_type="float16")
            number = Tokens(shape).number
            sot = [number[f"<|{each}|>"] for each in ("startoftranscript", "en", "transcribe")]
            found[name] = {
                f"windows_{size}": _windows(model, size, sot, number["<|endoftext|>"])
                for size in _BATCHES
            }
    return found


def _windows(model: Any, size: int, sot: list[int], end: int) -> dict[str, Any]:
    import ctranslate2

    draw = np.random.default_rng(0)
    features = draw.normal(0, 1, (size, model.n_mels, 100 * _WINDOW_S)).astype(np.float32)
    view = ctranslate2.StorageView.from_array(features)
    prompts = [sot] * size

    def encode() -> Any:
        # Back to the host, or nothing says that it is done.
        return model.encode(view, to_cpu=True)

    def decode(beam: int) -> object:
        return model.generate(
            encoded,
            prompts,
            beam_size=beam,
            max_length=len(prompts[0]) + _TOKENS,
            suppress_tokens=[end],
        )

    encoded = model.encode(view)
    encode_s = _median_s(encode)
    found = {"encode_ms": round(1000 * encode_s, 1)}
    for beam in (1, 5):
        decode_s = _median_s(partial(decode, beam))
        found[f"decode_beam_{beam}_ms"] = round(1000 * decode_s, 1)
        found[f"rtfx_beam_{beam}"] = round(size * _WINDOW_S / (encode_s + decode_s))
    return found


def _median_s(work: Callable[[], object], times: int = 5) -> float:
    work()
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return float(np.median(took))
