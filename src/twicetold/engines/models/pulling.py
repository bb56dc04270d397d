"""``pull``: a model of the catalogue comes into the cache, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from twicetold.engines.models.cache import Cache
from twicetold.engines.models.catalogue import Model
from twicetold.engines.models.download import Source, fetch, gone
from twicetold.engines.models.files import write_whole
from twicetold.engines.models.hub import Broken, Hub, RemoteFile
from twicetold.engines.models.manifest import KeptFile, Manifest
from twicetold.engines.models.names import PART, chosen
from twicetold.engines.models.part import matches, sha256_of
from twicetold.errors import DiskFull, DownloadFailed

T = TypeVar("T")


class Watcher(Protocol):
    """Is told how it goes."""

    def waiting(self) -> None:
        """Another process works on the model; ours waits for it."""

    def began(self, total_bytes: int) -> None:
        """The files are known."""

    def moved(self, file: str, done_bytes: int) -> None:
        """So much of the model is there; it can be less than before."""

    def again(self, reason: str, wait_s: float) -> None:
        """Something went wrong and is tried again after ``wait_s``."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """``fetched_bytes``: what came over the network; 0 where the model was there."""

    manifest: Manifest
    directory: Path
    fetched_bytes: int


def pull(
    model: Model,
    cache: Cache,
    hub_url: str,
    *,
    watcher: Watcher,
    revision: str | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Pulled:
    """Have the model in the cache at ``revision`` (its own, unless given); blocks. What was fetched
    before stays, whatever ends this.

    Raises DownloadFailed for the hub, DiskFull for the disk.
    """
    wanted = revision or model.revision
    if (there := _there(cache, model, wanted)) is not None:
        return there
    with cache.alone(model.engine, model.name, watcher.waiting):
        if (there := _there(cache, model, wanted)) is not None:  # the other one has pulled it
            return there
        with Hub(hub_url) as hub, cache.writing():
            return _Pull(model, wanted, cache, hub, watcher, pause).run()


def _there(cache: Cache, model: Model, revision: str) -> Pulled | None:
    manifest = cache.manifest(model.engine, model.name)
    if manifest is None or manifest.revision != revision:
        return None
    return Pulled(manifest, cache.directory(model.engine, model.name), 0)


class _Pull:
    def __init__(
        self,
        model: Model,
        revision: str,
        cache: Cache,
        hub: Hub,
        watcher: Watcher,
        pause: Callable[[float], None],
    ) -> None:
        self._model, self._revision, self._cache = model, revision, cache
        self._hub, self._watcher, self._pause = hub, watcher, pause
        self._stage = cache.stage(model.engine, model.name)
        self._plan = cache.plan(model.engine, model.name)  # which checksum each file there has
        self._fetched_bytes = 0

    def run(self) -> Pulled:
        repository = self._model.repository
        commit = self._asked(lambda: self._hub.commit(repository, self._revision))
        files = self._files(self._asked(lambda: self._hub.files(repository, commit)))
        self._stage.mkdir(parents=True, exist_ok=True)
        self._forget_others(files)
        self._take_over(files)
        self._refuse_full_disk(files)
        self._watcher.began(sum(file.size_bytes for file in files))
        kept = self._all(Source(self._hub, repository, commit, self._pause), files)
        manifest = self._manifest(commit, kept)
        return Pulled(manifest, self._cache.settle(manifest), self._fetched_bytes)

    def _asked(self, question: Callable[[], T]) -> T:
        """The answer. A hub that is not there is not waited for; one that stumbles is."""
        for wait_s in (1.0, 2.0, 4.0, None):
            try:
                return question()
            except Broken as error:
                if error.away or wait_s is None:
                    raise gone(self._hub, error) from error
                self._watcher.again(error.reason, error.wait_s or wait_s)
                self._pause(error.wait_s or wait_s)
        raise AssertionError("unreachable")

    def _files(self, all_files: Sequence[RemoteFile]) -> list[RemoteFile]:
        by_path = {file.path: file for file in all_files}
        try:
            paths = chosen(list(by_path), self._model.files, self._model.optional)
        except LookupError as error:
            raise DownloadFailed(
                f"{self._model.repository} has no {error.args[0]} at {self._revision}, so it is "
                f"no model for {self._model.engine}."
            ) from error
        # Small ones first: what is wrong with a repository shows at once.
        return sorted((by_path[path] for path in paths), key=lambda file: file.size_bytes)

    def _forget_others(self, files: Sequence[RemoteFile]) -> None:
        """Files staged by an earlier pull stay if they are still what is wanted; a part knows by
        itself what it is of."""
        digests = {file.path: file.digest for file in files}
        try:
            before = json.loads(self._plan.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = {}
        for path in [path for path in self._stage.rglob("*") if path.is_file()]:
            name = path.relative_to(self._stage).as_posix()
            whole = name.removesuffix(".json").removesuffix(PART)
            part_of_one = whole != name and whole in digests
            if not part_of_one and (name not in digests or before.get(name) != digests[name]):
                path.unlink()
        write_whole(self._plan, json.dumps(digests))

    def _take_over(self, files: Sequence[RemoteFile]) -> None:
        """From what lies in the model's place, of another revision or damaged, what is still right:
        as a second name for the same file."""
        place = self._cache.directory(self._model.engine, self._model.name)
        for file in files:
            old, new = place / file.path, self._stage / file.path
            if not new.exists() and matches(old, file):
                new.parent.mkdir(parents=True, exist_ok=True)
                _second_name(old, new)

    def _refuse_full_disk(self, files: Sequence[RemoteFile]) -> None:
        whole = sum(file.size_bytes for file in files)
        there = sum(
            path.stat().st_size
            for file in files
            for path in (self._stage / file.path, self._stage / (file.path + PART))
            if path.exists()
        )
        free = shutil.disk_usage(self._stage).free
        if whole - there > free:
            raise DiskFull(
                f"{self._model.name} takes {_gb(whole - there)} more, and {self._cache.root} has "
                f"{_gb(free)} left.",
                "Free space there, or choose another directory with --models-dir or the setting "
                "models_dir.",
            )

    def _all(self, source: Source, files: Sequence[RemoteFile]) -> list[KeptFile]:
        kept, done_bytes = [], 0
        for file in files:
            sha256 = self._one(source, file, done_bytes)
            kept.append(KeptFile(file.path, file.size_bytes, sha256))
            done_bytes += file.size_bytes
        return kept

    def _one(self, source: Source, file: RemoteFile, done_bytes: int) -> str:
        whole = self._stage / file.path
        if whole.exists():
            self._watcher.moved(file.path, done_bytes + file.size_bytes)
            return file.sha256 or sha256_of(whole)
        had: list[int] = []

        def moved(file_bytes: int) -> None:
            if had and file_bytes > had[-1]:
                self._fetched_bytes += file_bytes - had[-1]
            had[:] = [file_bytes]
            self._watcher.moved(file.path, done_bytes + file_bytes)

        return fetch(source, file, self._stage, moved, self._watcher.again)

    def _manifest(self, commit: str, kept: Sequence[KeptFile]) -> Manifest:
        model = self._model
        return Manifest(
            engine=model.engine,
            name=model.name,
            hub=self._hub.host,
            repository=model.repository,
            revision=self._revision,
            commit=commit,
            licence=model.licence,
            languages=model.languages,
            pulled_at=datetime.now(UTC).isoformat(timespec="seconds"),
            files=tuple(kept),
        )


def _second_name(old: Path, new: Path) -> None:
    """For one and the same file, or a copy of it where the file system has no such names."""
    try:
        os.link(old, new)
    except OSError:
        beside = new.with_name(new.name + PART)
        shutil.copyfile(old, beside)
        beside.replace(new)


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 1e7 else f"{size_bytes / 1e6:.2f} MB"
