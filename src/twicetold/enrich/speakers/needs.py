"""What each diarizer needs to be there. It is looked at without loading any of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from twicetold.errors import MissingExtra, SettingError


@dataclass(frozen=True, slots=True)
class Needs:
    """``files`` and ``folders`` are options that name one."""

    packages: tuple[str, ...]
    missing: str
    install: str
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


NEEDS: Mapping[str, Needs] = {
    "gmm": Needs(("scipy",), "Diarization needs scipy.", "pip install 'scipy>=1.11'"),
    "sherpa": Needs(
        ("sherpa_onnx",),
        "Diarizer sherpa needs sherpa-onnx.",
        "pip install 'twicetold[sherpa]'",
        files=("segmentation", "embedding"),
    ),
    "pyannote": Needs(
        ("torch", "pyannote.audio"),
        "Diarizer pyannote needs pyannote.audio 4 and torch.",
        "pip install 'twicetold[pyannote]', after the torch that suits the machine",
        folders=("pipeline",),
    ),
}


def missing(name: str) -> MissingExtra:
    """What is to be raised where its packages cannot be imported."""
    return MissingExtra(NEEDS[name].missing, NEEDS[name].install)


def check_needs(name: str, options: Mapping[str, object]) -> None:
    """Raises SettingError for another name, an option that is missing or names what is not there,
    and MissingExtra."""
    if name not in NEEDS:
        raise SettingError(f"There is no diarizer {name}; there are {', '.join(NEEDS)}.")
    needs = NEEDS[name]
    if not all(map(_installed, needs.packages)):
        raise missing(name)
    for option in (*needs.files, *needs.folders):
        if option not in options:
            raise SettingError(f"Diarizer {name} needs {option}.")
    for option in needs.files:
        if not Path(str(options[option])).is_file():
            raise SettingError(f"Diarizer {name}: there is no model at {options[option]}.")
    for option in needs.folders:
        if not Path(str(options[option])).is_dir():
            raise SettingError(f"Diarizer {name}: there is no folder {options[option]}.")


def _installed(package: str) -> bool:
    """What holds a package is imported, if anything does, but not itself."""
    try:
        return find_spec(package) is not None
    except ImportError:
        return False
    except ValueError:  # it was put there by hand
        return True
