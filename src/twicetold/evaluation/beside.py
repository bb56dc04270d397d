"""The reference that lies beside a recording."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from twicetold.errors import BadParameter
from twicetold.evaluation.reference import Reference, of_sample, of_transcript
from twicetold.evaluation.written import of_srt, of_txt, of_vtt

_READERS: dict[str, Callable[[str], Reference]] = {".txt": of_txt, ".vtt": of_vtt, ".srt": of_srt}


def beside(recording: Path) -> tuple[Reference, Path] | None:
    """What is said in a recording, and the file that says it; None where there is none. Blocks.

    For ``talk.wav``: ``talk.txt``, ``talk.json``, ``talk.vtt``, ``talk.srt`` (or ``talk.wav.txt``
    and so on), the JSON of a sample call, or a line of a ``*.trans.txt`` (LibriSpeech). Raises
    BadParameter for one that cannot be read.
    """
    for path in _candidates(recording):
        reference = read(path, recording.name) if path.is_file() else None
        if reference is not None:
            return reference, path
    for path, lines in _trans_files(recording.parent):
        if recording.stem in lines:
            return Reference.of_text(lines[recording.stem]), path
    return None


def read(path: Path, recording: str) -> Reference | None:
    """The reference in a file, by its suffix; None for JSON of another kind. Blocks. Raises
    BadParameter where it is no UTF-8."""
    if path.suffix.lower() == ".json":
        return _of_json(path, recording)
    return _READERS.get(path.suffix.lower(), of_txt)(text_of(path))


def text_of(path: Path) -> str:
    """A file's text. Raises BadParameter where it is no UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadParameter(f"{path} is no UTF-8 text.", "Save it again as UTF-8.") from error


def sample_reference(recording: Path) -> Reference | None:
    """The reference of a sample call (``NAME.json`` for ``NAME.stereo.flac`` and its kin); None
    where there is none that names it."""
    path = recording.parent / f"{recording.name.split('.')[0]}.json"
    try:
        return of_sample(json.loads(path.read_text(encoding="utf-8")), recording.name)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # another file that happens to have that name


def _candidates(recording: Path) -> Iterator[Path]:
    for suffix in (".txt", ".json", ".vtt", ".srt"):
        yield recording.with_suffix(suffix)
        yield recording.with_name(recording.name + suffix)
    yield recording.parent / f"{recording.name.split('.')[0]}.json"


def _of_json(path: Path, recording: str) -> Reference | None:
    """A sample's reference or a transcript of ours; None for other JSON of that name."""
    try:
        body = json.loads(path.read_text(encoding="utf-8-sig"))
        return of_sample(body, recording) if "utterances" in body else of_transcript(body)
    except (OSError, ValueError, KeyError, TypeError):
        return None


@lru_cache(maxsize=8)
def _trans_files(folder: Path) -> list[tuple[Path, dict[str, str]]]:
    """LibriSpeech's lines by utterance: ``84-121123-0000 GO DO YOU HEAR``."""
    found = []
    for path in sorted(folder.glob("*.trans.txt")):
        pairs = (line.split(maxsplit=1) for line in text_of(path).splitlines() if line.strip())
        found.append((path, {pair[0]: pair[1] if len(pair) > 1 else "" for pair in pairs}))
    return found
