"""What the engine can do, for whoever does not load it."""

from __future__ import annotations

from twicetold.engines import EngineInfo

# Of v3, which hears by itself which one it is.
_LANGUAGES = "bg cs da de el en es et fi fr hr hu it lt lv mt nl pl pt ro ru sk sl sv uk"

PARAKEET_INFO = EngineInfo(
    name="parakeet",
    model="nemo-parakeet-tdt-0.6b-v3",
    languages=tuple(_LANGUAGES.split()),
    live=True,
    batch=True,
    word_times=True,
    # A begin is exact to a frame, 80 ms. An end is a guess: the model tells how far it jumps, four
    # frames at most, and not how long the last token sounds.
    time_error_s=0.5,
    rank=5,
    good_for=(
        "25 European languages at very few errors, fast on a CPU too; words with times, of which "
        "the end is a guess. Takes onnx-asr and a model of 0.7 GB (int8) or 2.5 GB."
    ),
)
