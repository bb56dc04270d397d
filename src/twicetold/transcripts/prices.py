"""Prices of engines, as people write them: ``parakeet@cuda=0.0001/audio_min, *=0.00002/compute_s``,
``llm:small=0.15/m_tokens_in+0.6/m_tokens_out``.

An entry is for an engine, or one model of it (``NAME:MODEL``), or all (``*``), on any device or on
one (``@DEVICE``). Of several that fit, the most exact one counts; what none fits costs nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from twicetold.errors import SettingError
from twicetold.transcripts.usage import ENRICHMENT, LANGUAGE_MODEL

_ENTRY = re.compile(r"(\*|[a-z][a-z0-9_-]*)(?::([^\s,=@]+))?(?:@([a-z0-9_.-]+))?\s*=\s*(\S.*)")
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)/([a-z_]+)")
_UNITS = {
    "audio_min": "per_audio_min",
    "compute_s": "per_compute_s",
    "m_tokens_in": "per_m_tokens_in",
    "m_tokens_out": "per_m_tokens_out",
}
# In what its usage is told, and on which device, where there is but one.
_OF_ENGINES = (("audio_min", "compute_s"), "")
_OF_OTHERS = {
    ENRICHMENT: (("compute_s",), "cpu"),
    LANGUAGE_MODEL: (("m_tokens_in", "m_tokens_out"), "remote"),
}
_MOST = 1e6  # of any currency; sums stay numbers
SHAPE = (
    "engines and their prices, such as parakeet@cuda=0.00011/audio_min, *=0.00002/compute_s, "
    "llm=0.15/m_tokens_in+0.6/m_tokens_out; the units are audio_min and compute_s, m_tokens_in and "
    "m_tokens_out (a million tokens that a language model reads and writes), and + joins them"
)
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """All count that are set. Tokens are priced by the million."""

    per_audio_min: float = 0.0
    per_compute_s: float = 0.0
    per_m_tokens_in: float = 0.0
    per_m_tokens_out: float = 0.0

    def of_audio(self, seconds: float) -> float:
        return seconds / 60.0 * self.per_audio_min

    def of_compute(self, seconds: float) -> float:
        return seconds * self.per_compute_s

    def of_tokens(self, read: int, written: int) -> float:
        return (read * self.per_m_tokens_in + written * self.per_m_tokens_out) / _MILLION


FREE = Price()


@dataclass(frozen=True, slots=True)
class _Entry:
    engine: str
    model: str
    device: str
    price: Price

    def fits(self, engine: str, model: str, device: str) -> bool:
        return (
            self.engine in ("*", engine)
            and self.model in ("", model)
            and self.device in ("", device)
        )

    @property
    def exactness(self) -> tuple[bool, bool, bool]:
        return self.engine != "*", bool(self.model), bool(self.device)


@dataclass(frozen=True, slots=True)
class Prices:
    """The table. It is asked when usage is written down: what is written keeps its price."""

    entries: Sequence[_Entry] = ()

    @classmethod
    def parse(cls, text: str) -> Prices:
        """Raises SettingError, which says what is wrong with which entry; a price that could never
        count is wrong."""
        entries = [_entry(each.strip()) for each in text.split(",") if each.strip()]
        named = [(each.engine, each.model, each.device) for each in entries]
        for each in named:
            if named.count(each) > 1:
                raise SettingError(f"prices names {_spelled(*each)} twice.", f"It takes {SHAPE}.")
        return cls(tuple(entries))

    @property
    def engines(self) -> list[str]:
        """The engines that have entries of their own."""
        return sorted({each.engine for each in self.entries} - {"*"})

    def of(self, engine: str, model: str = "", device: str = "") -> Price:
        fitting = [each for each in self.entries if each.fits(engine, model, device)]
        return max(fitting, key=lambda each: each.exactness).price if fitting else FREE


NO_PRICES = Prices()


def _entry(text: str) -> _Entry:
    found = _ENTRY.fullmatch(text)
    if found is None or (found[1] == "*" and found[2]):
        raise SettingError(f"prices got {text!r}.", f"It takes {SHAPE}.")
    amounts: dict[str, float] = {}
    for amount in found[4].split("+"):
        told = _AMOUNT.fullmatch(amount.strip())
        unit = told[2] if told else ""
        value = float(told[1]) if told else math.inf
        if unit not in _UNITS or _UNITS[unit] in amounts or not value <= _MOST:
            raise SettingError(
                f"prices got {amount.strip()!r} for {_spelled(found[1], found[2], found[3])}.",
                f"It takes {SHAPE}.",
            )
        amounts[_UNITS[unit]] = value
    entry = _Entry(found[1], found[2] or "", found[3] or "", Price(**amounts))
    _refuse_unused(entry)
    return entry


def _refuse_unused(entry: _Entry) -> None:
    if entry.engine == "*":
        return
    units, device = _OF_OTHERS.get(entry.engine, _OF_ENGINES)
    name = _spelled(entry.engine, entry.model, entry.device)
    for unit, field in _UNITS.items():
        if unit not in units and getattr(entry.price, field):
            raise SettingError(
                f"prices has {unit} for {name}, of which nothing is counted in that.",
                f"{entry.engine} takes {' and '.join(units)}.",
            )
    if device and entry.device not in ("", device):
        raise SettingError(
            f"prices has {name}, but its device is always {device}.",
            f"Leave @{entry.device} out.",
        )


def _spelled(engine: str, model: str | None, device: str | None) -> str:
    return engine + (f":{model}" if model else "") + (f"@{device}" if device else "")
