"""Diarizers by the setting ``speakers``, each opened once."""

from __future__ import annotations

from importlib.util import find_spec

from twicetold.enrich.speakers import Diarizer, open_diarizer
from twicetold.enrich.wishes import NONE
from twicetold.errors import SettingError

AUTO, EMBEDDED = "auto", "gmm"
_BY_NOBODY = (NONE, "channels", "engine")


class Voices:
    """What tells voices apart."""

    def __init__(self) -> None:
        self._opened: dict[str, Diarizer] = {}

    def of(self, wanted: str) -> Diarizer | None:
        """The diarizer of a setting; None where it wants none, and for ``auto`` where the extra
        that it takes is not there. Raises SettingError or MissingExtra."""
        if wanted in _BY_NOBODY or (wanted == AUTO and find_spec("scipy") is None):
            return None
        if wanted not in self._opened:
            name, _, options = (EMBEDDED if wanted == AUTO else wanted).partition(":")
            self._opened[wanted] = open_diarizer(name, **_options(name, options))
        return self._opened[wanted]


def _options(name: str, told: str) -> dict[str, str]:
    """``sherpa:SEGMENTATION,EMBEDDING`` and ``pyannote:PIPELINE``. Raises SettingError."""
    if name == "sherpa":
        segmentation, comma, embedding = told.partition(",")
        if not comma:
            raise SettingError("speakers got sherpa; it takes sherpa:SEGMENTATION,EMBEDDING.")
        return {"segmentation": segmentation, "embedding": embedding}
    if name == "pyannote" and told:
        return {"pipeline": told}
    if told:
        raise SettingError(f"speakers got {name}:{told}; {name} takes no more than its name.")
    return {}
