"""Reading the marked calls: one set an author, of which ``held_out.jsonl`` is to be judged by.

One dialogue per line: ``{"id", "style", "turns": [{"who", "text"}]}``. In a turn's text
``{kind: words}`` marks personal data, ``{kind+: words}`` another piece of the dialogue's last item
of that kind.
What is not marked is innocent; ``name`` and ``any`` mark what may go or stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent

KINDS = (
    "phone",
    "card_number",
    "card_cvv",
    "card_expiry",
    "email",
    "spelled_name",
    "national_id",
    "date_of_birth",
    "address",
    "postcode",
    "bank_account",
    "reference",
    "member_id",
    "secret",
    "username",
    "ip_address",
    "licence_plate",
)
FREE = ("name", "any")  # neither required nor held against a redactor
STYLES = ("plain", "cased", "mixed")
WHO = ("agent", "customer")

_MARK = re.compile(r"\{([a-z_]+)(\+?):\s+([^{}]*?)\s*\}")
_IDLE = frozenset(("um", "umm", "uh", "uhm", "er", "erm", "eh", "hmm", "mm", "ah"))
_IDLE |= {"the", "of", "number"}  # "the 3rd of May", "flat number four"
_LIKE = (("as", "in"), ("is", "for"), ("like", "in"), ("for",), ("like",))  # "b as in bravo"
_EDGES = ".,;:!?\"'()-…"


class BadMark(ValueError):
    """A dialogue that does not keep to the format; says where."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of words of one kind: ``words[first:end]`` of its turn, a piece of ``item``.

    ``required`` are the indices that must go; hesitations and the like need not.
    """

    kind: str
    item: int
    first: int
    end: int
    required: tuple[int, ...]

    @property
    def free(self) -> bool:
        """Whether nothing is asked of it."""
        return self.kind in FREE


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said at a time, as a recogniser writes it, without the marks."""

    who: str
    text: str
    words: tuple[str, ...]
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A call, or a stretch of one. Items are numbered from 0 within it."""

    id: str
    style: str
    turns: tuple[Turn, ...]


def read(name: str) -> list[Dialogue]:
    """The set of that name: ``dev``, ``held_out``.

    Raises:
        BadMark: A line does not keep to the format.
    """
    with (HERE / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return list(parse(lines))


def parse(lines: Iterable[str]) -> Iterator[Dialogue]:
    """Dialogues of JSON lines; raises `BadMark`."""
    for line in lines:
        body = json.loads(line)
        try:
            yield _dialogue(body)
        except BadMark as error:
            raise BadMark(f"{body['id']}: {error}") from None


def _dialogue(body: dict[str, object]) -> Dialogue:
    style, turns = str(body["style"]), body["turns"]
    if style not in STYLES:
        raise BadMark(f"the style {style!r} is none of {', '.join(STYLES)}")
    assert isinstance(turns, list)
    items = _Items()
    return Dialogue(
        str(body["id"]), style, tuple(_turn(turn["who"], turn["text"], items) for turn in turns)
    )


class _Items:
    """Numbers the items of a dialogue; remembers the last one of each kind."""

    def __init__(self) -> None:
        self._count = 0
        self._last: dict[str, int] = {}

    def next(self, kind: str, goes_on: bool) -> int:
        if goes_on:
            if kind not in self._last:
                raise BadMark(f"{{{kind}+: …}} without a piece before it")
            return self._last[kind]
        self._last[kind] = self._count
        self._count += 1
        return self._last[kind]


def _turn(who: str, marked: str, items: _Items) -> Turn:
    if who not in WHO:
        raise BadMark(f"{who!r} is none of {', '.join(WHO)}")
    text, spans = _plain(marked)
    places = [(match.start(), match.end()) for match in re.finditer(r"\S+", text)]
    words = tuple(text[start:end] for start, end in places)
    marks = []
    for kind, goes_on, start, end in spans:
        inside = [i for i, (first, last) in enumerate(places) if first < end and start < last]
        if not inside:
            raise BadMark(f"an empty mark in {marked!r}")
        marks.append(
            Mark(
                kind,
                items.next(kind, goes_on),
                inside[0],
                inside[-1] + 1,
                required(words, inside[0], inside[-1] + 1),
            )
        )
    return Turn(who, text, words, tuple(marks))


def _plain(marked: str) -> tuple[str, list[tuple[str, bool, int, int]]]:
    """The text without marks, and each mark: kind, whether it goes on, first character, end."""
    text, spans, at = "", [], 0
    for match in _MARK.finditer(marked):
        kind, plus, inner = match.groups()
        if kind not in KINDS and kind not in FREE:
            raise BadMark(f"the kind {kind!r} is unknown")
        text += marked[at : match.start()]
        spans.append((kind, bool(plus), len(text), len(text) + len(inner)))
        text += inner
        at = match.end()
    text += marked[at:]
    if "{" in text or "}" in text:
        raise BadMark(f"a stray brace in {marked!r}")
    return text, spans


def required(words: Sequence[str], first: int, end: int) -> tuple[int, ...]:
    """Which words of ``words[first:end]`` carry the value.

    Hesitations, "the", "of" and "number" do not, nor does what joins a letter to its
    word: "b as in bravo", "n for november".
    """
    bare = [word.strip(_EDGES).lower() for word in words]
    idle = {i for i in range(first, end) if bare[i] in _IDLE}
    for i in range(first, end):
        for join in _LIKE:
            after = i + 1 + len(join)
            if (
                after < end
                and len(bare[i]) == 1
                and bare[i].isalpha()
                and tuple(bare[i + 1 : after]) == join
                and len(bare[after]) > 1
                and bare[after].startswith(bare[i])
            ):
                idle.update(range(i + 1, after))
    return tuple(i for i in range(first, end) if i not in idle)
