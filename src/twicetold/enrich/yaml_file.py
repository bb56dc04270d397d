"""YAML that people edit. Every mistake is named with file, line and column, and with what is meant.

Values stay as they are written: ``no`` is the word no, ``007`` keeps its zeros.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twicetold.errors import SettingError

MOST_BYTES = 300_000

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*(s|sec|seconds?|m|min|minutes?)")
_WORDS = re.compile(r"(\d+)\s*words?")
_YES, _NO = ("true", "yes"), ("false", "no")


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a file, which knows where it stands. ``what`` names it in messages."""

    name: str
    what: str
    node: Any  # yaml.Node

    def fail(self, message: str, hint: str = "") -> SettingError:
        """An error about this very place."""
        mark = self.node.start_mark
        return SettingError(f"{self.name}:{mark.line + 1}:{mark.column + 1}: {message}", hint)

    def fields(self, known: Collection[str], needed: Collection[str] = ()) -> dict[str, Item]:
        """The values of a mapping by key. Raises SettingError for a key that is unknown, comes
        twice or is missing."""
        found: dict[str, Item] = {}
        for key, value in self.pairs():
            name = str(key.node.value)
            if name not in known:
                raise key.fail(f"Unknown key {name!r} in {self.what}{_meant(name, known)}")
            found[name] = Item(self.name, f"{name!r}", value.node)
        for name in needed:
            if name not in found:
                raise self.fail(f"{self.what.capitalize()} needs the key {name!r}.")
        return found

    def pairs(self) -> Iterator[tuple[Item, Item]]:
        """Keys and values of a mapping, in order."""
        if self.node.id != "mapping":
            raise self.fail(f"Expected keys and values for {self.what} but got {self._kind()}.")
        seen = set[str]()
        for key, value in self.node.value:
            at = Item(self.name, "a key", key)
            if key.id != "scalar":
                raise at.fail("A key is one word.")
            if key.value in seen:
                raise at.fail(f"The key {key.value!r} stands twice in {self.what}.")
            seen.add(key.value)
            yield at, Item(self.name, f"{key.value!r}", value)

    def items(self) -> list[Item]:
        """The values of a list; a value that stands alone is a list of one."""
        if self.node.id == "scalar" and self.node.value == "":
            raise self.fail(f"There is nothing in {self.what}.")
        if self.node.id != "sequence":
            return [self]
        if not self.node.value:
            raise self.fail(f"There is nothing in {self.what}.")
        return [Item(self.name, f"one of {self.what}", node) for node in self.node.value]

    @property
    def is_text(self) -> bool:
        return bool(self.node.id == "scalar")

    def text(self, most: int = 500) -> str:
        if self.node.id != "scalar":
            raise self.fail(f"Expected a text for {self.what} but got {self._kind()}.")
        text = str(self.node.value).strip()
        if not text:
            raise self.fail(f"There is nothing in {self.what}.")
        if len(text) > most:
            raise self.fail(f"{self.what.capitalize()} is longer than {most} letters.")
        return text

    def one_of(self, names: Collection[str]) -> str:
        text = self.text()
        if text not in names:
            raise self.fail(f"{self.what.capitalize()} got {text!r}{_meant(text, names)}")
        return text

    def number(self, low: float, high: float) -> float:
        text = self.text()
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise self.fail(f"{self.what.capitalize()} got {text!r}; it takes {low:g} to {high:g}.")
        return value

    def whole(self, low: int, high: int) -> int:
        value = self.number(low, high)
        if value != int(value):
            raise self.fail(f"{self.what.capitalize()} got {value:g}; it takes a whole number.")
        return int(value)

    def flag(self) -> bool:
        text = self.text().lower()
        if text not in _YES + _NO:
            raise self.fail(f"{self.what.capitalize()} got {text!r}; it takes yes or no.")
        return text in _YES

    def seconds(self, most: float) -> float:
        """A time such as ``30 s`` or ``2 min``."""
        value = _seconds(self.text())
        if value is None or not 0 < value <= most:
            raise self.fail(
                f"{self.what.capitalize()} got {self.text()!r}; it takes a time such as "
                f"30 s or 2 min, {most:g} s at most."
            )
        return value

    def distance(self, most_words: int, most_s: float) -> tuple[int | None, float | None]:
        """Words or seconds, such as ``8 words`` or ``30 s``; the other is None."""
        text = self.text()
        found = _WORDS.fullmatch(text)
        words = int(found.group(1)) if found else None
        seconds = _seconds(text)
        if words is not None and 0 < words <= most_words:
            return words, None
        if seconds is not None and 0 < seconds <= most_s:
            return None, seconds
        raise self.fail(
            f"{self.what.capitalize()} got {text!r}; it takes words or a time, such as 8 words or "
            f"30 s: {most_words} words or {most_s:g} s at most."
        )

    def _kind(self) -> str:
        return {"scalar": "a text", "sequence": "a list", "mapping": "keys and values"}[
            str(self.node.id)
        ]


def read(path: Path) -> Item:
    """A file's content. Blocks. Raises SettingError where it cannot be read or is no YAML."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SettingError(
            f"{path} cannot be read: {error.strerror}.", "Check that it is there and readable."
        ) from error
    if len(content) > MOST_BYTES:
        raise SettingError(f"{path} is larger than {MOST_BYTES:,} bytes.", "")
    try:
        return parse(content.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise SettingError(f"{path} is no UTF-8 text.", "Save it again as UTF-8.") from error


def parse(text: str, name: str) -> Item:
    """The content of a text; ``name`` stands for the file. Raises SettingError."""
    import yaml

    try:
        node = _composed(text)
    except yaml.MarkedYAMLError as error:
        raise _of_yaml(error, name) from None
    except yaml.YAMLError as error:
        raise SettingError(f"{name}: it is no YAML: {error}.", "") from None
    except RecursionError:
        raise SettingError(f"{name}: it is nested too deeply.", "") from None
    if node is None:
        raise SettingError(f"{name}:1:1: There is nothing in the file.", "")
    return Item(name, "the file", node)


def _composed(text: str) -> Any:
    """Nodes with their places. An alias is refused: a short file of them can be huge."""
    import yaml

    class Composer(yaml.SafeLoader):  # type: ignore[misc]
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.MarkedYAMLError(
                    problem="an alias (*name) has no place here",
                    problem_mark=self.peek_event().start_mark,
                )
            return super().compose_node(parent, index)

    loader = Composer(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _of_yaml(error: Any, name: str) -> SettingError:
    mark = error.problem_mark or error.context_mark
    place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
    problem = " ".join(str(error.problem or error.context).split())
    return SettingError(
        f"{name}:{place}: It is no YAML: {problem}.",
        "Indent with spaces; put texts with ':', '#' or '?', or that begin with '*', in quotes.",
    )


def _seconds(text: str) -> float | None:
    found = _SECONDS.fullmatch(text)
    if found is None:
        return None
    return float(found.group(1)) * (60.0 if found.group(2).startswith("m") else 1.0)


def _meant(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1, 0.6)
    if close:
        return f"; do you mean {close[0]!r}?"
    return f"; it takes {', '.join(sorted(known))}."
