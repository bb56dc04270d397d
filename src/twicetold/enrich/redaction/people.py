"""Names of people, where a model for names is installed: a spaCy pipeline, or GLiNER."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twicetold.enrich.redaction.turns import Mark, Turn
from twicetold.errors import MissingExtra, ModelMissing

_LEAST_SCORE = 0.5
_LABEL = "person"

Spans = Callable[[str], list[tuple[int, int]]]


class Names:
    """A finder for `Redactor`: ``model`` is ``spacy:NAME`` or ``gliner:NAME``.

    The model is loaded at once, from this machine alone. Raises MissingExtra, ModelMissing.
    """

    def __init__(self, model: str) -> None:
        library, _, name = model.partition(":")
        loaders = {"spacy": _spacy, "gliner": _gliner}
        if library not in loaders or not name:
            raise ModelMissing(f"{model!r} is no model for names; say spacy:NAME or gliner:NAME.")
        self._spans = loaders[library](name)

    def __call__(self, turn: Turn, words: Sequence[str]) -> list[Mark]:
        starts, at = [], 0
        for word in words:
            starts.append(at)
            at += len(word) + 1
        marks = []
        for start, end in self._spans(" ".join(words)):
            said = [place for place, first in enumerate(starts) if first < end]
            gone = [place for place in said if starts[place] + len(words[place]) > start]
            tokens = [p for p, token in enumerate(turn.tokens) if token.word in gone]
            if tokens:
                name = " ".join(turn.tokens[place].norm for place in tokens)
                marks.append(Mark(turn.index, tokens[0], tokens[-1], "name", name))
        return marks


def _spacy(name: str) -> Spans:
    try:
        import spacy
    except ImportError as error:
        raise MissingExtra(
            "spaCy is not installed.", "Install it: pip install 'twicetold[redaction]'."
        ) from error
    try:
        pipeline = spacy.load(name)
    except OSError as error:
        raise ModelMissing(
            f"There is no spaCy model {name!r} on this machine.",
            f"Install it: python -m spacy download {name}.",
        ) from error

    def spans(text: str) -> list[tuple[int, int]]:
        found = pipeline(text).ents
        return [(e.start_char, e.end_char) for e in found if e.label_ in ("PERSON", "PER")]

    return spans


def _gliner(name: str) -> Spans:
    try:
        from gliner import GLiNER
    except ImportError as error:
        raise MissingExtra(
            "GLiNER is not installed.", "Install it: pip install 'twicetold[gliner]'."
        ) from error
    try:
        model: Any = GLiNER.from_pretrained(name, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelMissing(
            f"There is no GLiNER model {name!r} on this machine.", "Download it, then say where."
        ) from error

    def spans(text: str) -> list[tuple[int, int]]:
        found = model.predict_entities(text, [_LABEL], threshold=_LEAST_SCORE)
        return [(each["start"], each["end"]) for each in found]

    return spans
