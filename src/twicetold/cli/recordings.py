"""Which files a command line names, and where what is made of them goes."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from twicetold.errors import BadParameter
from twicetold.media.formats import SUFFIXES


@dataclass(frozen=True, slots=True)
class Recording:
    """A file, and what its output is called (its path below the folder that was named)."""

    path: Path
    name: Path


def find_recordings(named: Sequence[str]) -> tuple[list[Recording], list[str]]:
    """The recordings that files, folders and patterns name, each once, and the names that
    gave none."""
    found: dict[Path, Recording] = {}
    missing: list[str] = []
    for text in named:
        recordings = list(_named(text))
        if not recordings:
            missing.append(text)
        for recording in recordings:
            found.setdefault(recording.path.resolve(), recording)
    return list(found.values()), missing


def _named(text: str) -> Iterator[Recording]:
    path = Path(text)
    if path.is_dir():
        yield from _below(path)
    elif path.exists():
        yield Recording(path, Path(path.name))
    else:  # a pattern that the shell did not expand
        for match in sorted(glob.glob(text, recursive=True)):  # noqa: PTH207
            if Path(match).is_file():
                yield Recording(Path(match), Path(Path(match).name))


def _below(folder: Path) -> Iterator[Recording]:
    """By their suffixes; a file that is named itself may be called anything."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield Recording(path, path.relative_to(folder))


def output_names(recordings: Iterable[Recording], suffix: str) -> dict[Path, Path]:
    """For each recording's path the name of its output: ``talk.wav`` gives ``talk.srt``, and
    ``talk.wav.srt`` where ``talk.mp3`` is there too. Raises BadParameter where names clash."""
    recordings = list(recordings)
    plain = [recording.name.with_suffix(suffix) for recording in recordings]
    names: dict[Path, Path] = {}
    for recording, name in zip(recordings, plain, strict=True):
        full = recording.name.with_name(recording.name.name + suffix)
        names[recording.path] = full if plain.count(name) > 1 else name
    taken = list(names.values())
    for path, name in names.items():
        if taken.count(name) > 1:
            raise BadParameter(
                f"Two recordings would both be written to {name} (one is {path}).",
                "Transcribe their folders one at a time, or name the folder above them.",
            )
    return names


def write_whole(path: Path, pieces: Iterable[str]) -> None:
    """Write a file in one step: whoever looks sees the old one or the new one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(pieces)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
