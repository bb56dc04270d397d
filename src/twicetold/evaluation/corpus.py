"""Which recordings an evaluation is about, each with what is said in it."""

from __future__ import annotations

import csv
import io
import itertools
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from twicetold.errors import BadParameter
from twicetold.evaluation.beside import beside, read, text_of
from twicetold.evaluation.reference import Reference

MANIFESTS = ("manifest.jsonl", "manifest.tsv", "manifest.csv", "test.tsv")
SUFFIXES = (".jsonl", ".tsv", ".csv")
# Names that public corpora use: NeMo, Common Voice, and those of people's own lists.
_AUDIO = ("audio_filepath", "audio", "path", "file", "filename", "file_name", "wav")
_TEXT = ("text", "sentence", "transcript", "transcription", "reference")
_LANGUAGE = ("language", "lang", "locale")
_FOLDERS = (".", "clips", "audio", "speech", "wavs", "wav")
_SEED = 1


@dataclass(frozen=True, slots=True)
class Item:
    """One recording; ``reference_file`` is where its words come from."""

    path: Path
    name: str
    reference: Reference
    reference_file: Path


@dataclass(slots=True)
class Corpus:
    """Recordings with references, the names of those without, and what is wrong with others."""

    items: list[Item] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    unreadable: list[BadParameter] = field(default_factory=list)


def manifest_of(place: Path) -> Path | None:
    """The manifest that ``place`` is, or holds."""
    if place.is_file():
        return place if place.suffix.lower() in SUFFIXES else None
    return next((place / name for name in MANIFESTS if (place / name).is_file()), None)


def from_recordings(recordings: Iterable[tuple[Path, str]]) -> Corpus:
    """Recordings (path, name) with the references that lie beside them. Blocks."""
    corpus = Corpus()
    for path, name in recordings:
        try:
            found = beside(path)
        except BadParameter as error:
            corpus.unreadable.append(error)
            continue
        if found is None:
            corpus.without.append(name)
        else:
            corpus.items.append(Item(path, name, *found))
    return corpus


def from_manifest(manifest: Path) -> Corpus:
    """The rows of a manifest. Blocks. Raises BadParameter where it is none.

    Columns by the names above; without a head, path and text. ``reference`` may also name a file
    that holds the text. Paths count from the manifest's folder, or from clips/, audio/, … in it.
    """
    corpus, seen = Corpus(), set[Path]()
    for row in _rows(manifest):
        audio, text = _first(row, _AUDIO), _first(row, _TEXT)
        if audio is None:
            raise BadParameter(
                f"{manifest} has no column that names recordings.",
                "It takes path and text (audio_filepath and sentence will do, language if wanted).",
            )
        if not text:
            corpus.without.append(audio)
            continue
        try:
            item = _item(manifest, audio, text, _first(row, _LANGUAGE))
            if item.path in seen:
                raise BadParameter(f"{audio}: {manifest} names it more than once.")
        except BadParameter as error:
            corpus.unreadable.append(error)
        else:
            seen.add(item.path)
            corpus.items.append(item)
    return corpus


def some_of(items: Sequence[Item], most: int) -> list[Item]:
    """``most`` of them, drawn at random, always the same, in their order."""
    if len(items) <= most:
        return list(items)
    chosen = sorted(random.Random(_SEED).sample(range(len(items)), most))
    return [items[index] for index in chosen]


def _item(manifest: Path, audio: str, text: str, language: str | None) -> Item:
    """Raises BadParameter where the recording is not there or its reference cannot be read."""
    path = _found(manifest.parent, audio)
    if path is None:
        raise BadParameter(f"{audio}: {manifest} names it, and it is not there.")
    named = _found(manifest.parent, text)
    reference = read(named, path.name) if named is not None else None
    if named is None or reference is None:
        return Item(path, audio, Reference.of_text(text, language), manifest)
    return Item(path, audio, replace(reference, language=language or reference.language), named)


def _rows(manifest: Path) -> Iterator[Mapping[str, str]]:
    text = text_of(manifest)
    if manifest.suffix.lower() == ".jsonl":
        yield from _json_rows(manifest, text)
        return
    tabs = manifest.suffix.lower() == ".tsv"
    rows: Iterator[list[str]] = csv.reader(
        io.StringIO(text, newline=""),
        delimiter="\t" if tabs else ",",
        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
    )
    first = next(rows, [])
    head = [name.strip().lower() for name in first]
    if not any(name in head for name in _AUDIO):  # it begins with a recording
        head = ["path", "text"]
        rows = itertools.chain([first], rows)
    for row in rows:
        if row:
            yield dict(zip(head, row, strict=False))


def _json_rows(manifest: Path, text: str) -> Iterator[Mapping[str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            body = json.loads(line)
            known = {name: value for name, value in body.items() if value is not None}
            yield {name.lower(): str(value) for name, value in known.items()}
        except (ValueError, AttributeError) as error:
            raise BadParameter(f"Line {number} of {manifest} is no JSON object.") from error


def _first(row: Mapping[str, str], names: Sequence[str]) -> str | None:
    """The value of the first of these columns that the row has."""
    return next((row[name].strip() for name in names if row.get(name) is not None), None)


def _found(folder: Path, name: str) -> Path | None:
    try:
        places = (folder / below / name for below in _FOLDERS)
        return next((place for place in places if place.is_file()), None)
    except (OSError, ValueError):
        return None  # a sentence, not a path
