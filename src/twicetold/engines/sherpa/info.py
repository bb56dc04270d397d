"""What the engine can do, for whoever does not load it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from twicetold.engines import EngineInfo
from twicetold.engines.models.catalogue import in_catalogue
from twicetold.engines.sherpa.files import files_of

SHERPA_INFO = EngineInfo(
    name="sherpa",
    model="streaming-zipformer-en",
    languages=("*",),
    live=True,
    batch=False,
    word_times=True,
    rank=3,
    good_for=(
        "captions at little cost, on a CPU too: it hears each stretch of sound once. Words with "
        "times and probabilities, most models without punctuation. Takes sherpa-onnx and a model "
        "of 30 to 700 MB."
    ),
)


def sherpa_info(directory: Path) -> EngineInfo:
    """The engine with the model in that directory. No file says which languages it knows: those of
    the catalogue's are known, any other counts as knowing what it is named for in the settings.

    Raises SettingError: see ``files_of``.
    """
    files_of(directory)
    known = in_catalogue("sherpa", directory.name)
    languages = known.languages if known is not None else SHERPA_INFO.languages
    return replace(SHERPA_INFO, model=directory.name, languages=languages)
