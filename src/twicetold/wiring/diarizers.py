"""Diarizers by the setting ``speakers``, each opened once, in a process of their own."""

from __future__ import annotations

from functools import partial

from twicetold.enrich.apart import Apart
from twicetold.enrich.speakers import open_diarizer
from twicetold.enrich.speakers.elsewhere import DiarizerElsewhere
from twicetold.enrich.speakers.needs import NEEDS, check_needs
from twicetold.enrich.wishes import NONE
from twicetold.errors import EnrichmentFailed, SettingError, TwicetoldError

AUTO, EMBEDDED = "auto", "gmm"
# Ten minutes of sound take it 3 s of a core; a model, without a GPU, minutes.
_ANSWERS_WITHIN_S, _MODEL_ANSWERS_WITHIN_S = 180.0, 1800.0
_SHAPE = "auto, channels, engine, none, gmm, sherpa:SEGMENTATION,EMBEDDING or pyannote:PIPELINE"
_BY_NOBODY = (NONE, "channels", "engine")


class Voices:
    """What tells voices apart: diarizers in one process that all calls share, which begins with the
    first sound for it, or with a model that is to be proven."""

    def __init__(self) -> None:
        self._apart = Apart()
        self._found: dict[str, DiarizerElsewhere] = {}

    def of(self, wanted: str) -> DiarizerElsewhere | None:
        """The diarizer of a setting; None where it wants none. Raises SettingError or MissingExtra,
        as far as can be told without loading it."""
        if wanted in _BY_NOBODY:
            return None
        if wanted not in self._found:
            name, _, told = (EMBEDDED if wanted == AUTO else wanted).partition(":")
            if name not in NEEDS:
                raise SettingError(f"speakers got {wanted!r}; it takes {_SHAPE}.")
            options = _options(name, told)
            check_needs(name, options)
            opened = partial(open_diarizer, name, **options)
            within_s = _ANSWERS_WITHIN_S if name == EMBEDDED else _MODEL_ANSWERS_WITHIN_S
            self._found[wanted] = DiarizerElsewhere(name, wanted, opened, self._apart, within_s)
        return self._found[wanted]

    async def prove(self, wanted: str) -> None:
        """Load the model of a setting where it names one; it stays loaded. Raises SettingError for
        one that is of no use, and MissingExtra."""
        diarizer = self.of(wanted)
        if diarizer is None or diarizer.name == EMBEDDED:
            return
        try:
            await diarizer.prove()
        except EnrichmentFailed as error:
            raise SettingError(f"speakers got {wanted}: what loads it died of it.") from error
        except TwicetoldError:
            raise
        except Exception as error:  # whatever a library says of a file that is no model
            raise SettingError(
                f"speakers got {wanted}: {type(error).__name__} at loading it."
            ) from error

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._apart.close()


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
