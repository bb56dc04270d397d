"""The directory in which models lie: ``ENGINE/NAME/``, each with its manifest.

What is on its way lies under ``.partial`` and moves to its place in one step; who works on a
model holds its file under ``.locks``, which the kernel lets go of however a process ends. A cache
that was filled elsewhere, and cannot be written to, can be read.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from twicetold.engines.models.files import synced, write_whole
from twicetold.engines.models.manifest import MANIFEST, Manifest, read_manifest
from twicetold.errors import DiskFull, SettingError, TwicetoldError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PARTIAL, _LOCKS = ".partial", ".locks"


class Cache:
    """Every verb blocks."""

    def __init__(self, root: Path) -> None:
        """``root`` need not be there until something is written."""
        self.root = root

    def directory(self, engine: str, name: str) -> Path:
        """Where the model lies, or would. Raises SettingError for a name that is none."""
        return self.root / _checked(engine) / _checked(name)

    def stage(self, engine: str, name: str) -> Path:
        """Where it lies as long as it is not whole."""
        return self.root / _PARTIAL / _checked(engine) / _checked(name)

    def plan(self, engine: str, name: str) -> Path:
        """Where stands what the staged files are, until they are a model."""
        return self.root / _PARTIAL / _checked(engine) / f".plan-{_checked(name)}.json"

    def manifest(self, engine: str, name: str) -> Manifest | None:
        """What is known of the model, if it is there and whole."""
        return read_manifest(self.directory(engine, name))

    def partial_bytes(self, engine: str, name: str) -> int:
        """How much there is of a model that is on its way."""
        return _size_of(self.stage(engine, name))

    def pulled(self) -> list[Manifest]:
        """All models that are there, by engine and name."""
        found = (read_manifest(path.parent) for path in sorted(self.root.glob(f"*/*/{MANIFEST}")))
        return [manifest for manifest in found if manifest is not None]

    @contextmanager
    def alone(self, engine: str, name: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Work on a model alone; ``waiting`` is called if another process does. Raises DiskFull
        where nothing can be written."""
        with self.writing():
            locks = self.root / _LOCKS
            locks.mkdir(parents=True, exist_ok=True)
            file = (locks / f"{_checked(engine)}--{_checked(name)}").open("ab")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def settle(self, manifest: Manifest) -> Path:
        """Put what was staged in its place; the manifest makes it a model. What lay there before
        gives way in the same moment. To be called alone."""
        stage = self.stage(manifest.engine, manifest.name)
        place = self.directory(manifest.engine, manifest.name)
        with self.writing():
            write_whole(stage / MANIFEST, manifest.to_json())
            place.parent.mkdir(parents=True, exist_ok=True)
            old = self._set_aside(manifest.engine, manifest.name)
            stage.rename(place)
            synced(place.parent)
            self.plan(manifest.engine, manifest.name).unlink(missing_ok=True)
            shutil.rmtree(old, ignore_errors=True)
        return place

    def remove(self, engine: str, name: str) -> int:
        """Remove a model, whole or not; returns the bytes that are free. To be called alone."""
        with self.writing():
            place, stage = self.directory(engine, name), self.stage(engine, name)
            freed = _size_of(place) + _size_of(stage)
            old = self._set_aside(engine, name)
            self.plan(engine, name).unlink(missing_ok=True)
            for directory in (old, stage):
                if directory.exists():
                    shutil.rmtree(directory)
        return freed

    def _set_aside(self, engine: str, name: str) -> Path:
        """Take a model from its place in one step, so that half of it never lies there; returns
        where it is now."""
        old = self.root / _PARTIAL / engine / f".old-{name}"
        shutil.rmtree(old, ignore_errors=True)  # of one that was killed here
        place = self.directory(engine, name)
        if place.exists():
            old.parent.mkdir(parents=True, exist_ok=True)
            place.rename(old)
        return old

    @contextmanager
    def writing(self) -> Iterator[None]:
        """What the disk refuses, in words."""
        try:
            yield
        except TwicetoldError:
            raise
        except OSError as error:
            raise DiskFull(
                f"Cannot write to {self.root}: {error.strerror or error}.",
                "Free space there, or choose another directory with --models-dir or the setting "
                "models_dir. What was fetched is kept.",
            ) from error


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise SettingError(f"{name!r} is no model's name.", "All of them: twicetold models list")
    return name


def _size_of(directory: Path) -> int:
    return sum(
        (Path(folder) / file).lstat().st_size
        for folder, _, files in os.walk(directory)
        for file in files
    )
