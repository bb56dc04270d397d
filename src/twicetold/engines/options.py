"""What a setting says behind an engine's model: ``whisper:large-v3?beam=1&compute=float32``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twicetold.errors import SettingError

_MOST_S = 600.0  # of a window: what is encoded at once must have room in memory

Parsers = Mapping[str, Callable[[str], object]]


def parse_options(engine: str, text: str, known: Parsers) -> dict[str, object]:
    """Options by name, each as its engine takes it; "" is none.

    ``known``: what reads the value of each option there is. Raises SettingError, which says what
    there is.
    """
    options: dict[str, object] = {}
    for each in text.split("&") if text else ():
        name, equals, value = each.partition("=")
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise SettingError(f"Engine {engine} has no option {name!r}; {has}.")
        try:
            if not equals or not value:
                raise ValueError(value)
            options[name] = known[name](value)
        except ValueError:
            raise SettingError(
                f"Engine {engine}: option {name} got {value!r}, which it does not take."
            ) from None
    return options


def window(text: str) -> list[float]:
    """``5/20/3``: seconds before a chunk, of it, and after it. Raises ValueError."""
    before, chunk, after = (float(part) for part in text.split("/"))
    if not (0 <= before <= _MOST_S and 0 < chunk <= _MOST_S and 0 <= after <= _MOST_S):
        raise ValueError(text)
    return [before, chunk, after]


def names(text: str) -> list[str]:
    """``de|en``."""
    return [part for part in text.split("|") if part]


def up_to(most: int) -> Callable[[str], int]:
    """Reads a whole number from 1 to ``most``; raises ValueError for any other."""

    def read(text: str) -> int:
        number = int(text)
        if not 1 <= number <= most:
            raise ValueError(text)
        return number

    return read
