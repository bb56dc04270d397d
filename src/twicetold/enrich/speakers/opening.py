"""Diarizers by name. Each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from twicetold.enrich.speakers.needs import check_needs
from twicetold.errors import SettingError

if TYPE_CHECKING:
    from twicetold.enrich.speakers import Diarizer


def _gmm(**options: Any) -> Diarizer:
    from twicetold.enrich.speakers.gmm import GmmDiarizer

    return GmmDiarizer(**options)


def _sherpa(**options: Any) -> Diarizer:
    from twicetold.enrich.speakers.sherpa import SherpaDiarizer

    return SherpaDiarizer(**options)


def _pyannote(**options: Any) -> Diarizer:
    from twicetold.enrich.speakers.pyannote import PyannoteDiarizer

    return PyannoteDiarizer(**options)


DIARIZERS: Mapping[str, Callable[..., Diarizer]] = {
    "gmm": _gmm,
    "sherpa": _sherpa,
    "pyannote": _pyannote,
}


def open_diarizer(name: str, **options: Any) -> Diarizer:
    """``gmm``; ``sherpa`` with ``segmentation`` and ``embedding``; ``pyannote`` with ``pipeline``.

    Raises SettingError for another name, an option that it does not take or a file that is not
    there, and MissingExtra.
    """
    check_needs(name, options)
    try:
        return DIARIZERS[name](**options)
    except TypeError as error:
        raise SettingError(f"Diarizer {name}: {error}.") from error
