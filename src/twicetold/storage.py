"""Object keys, and opening a store by URL; the store itself is obstore's."""

from __future__ import annotations

import os
from pathlib import Path

from obstore.store import LocalStore

from twicetold.errors import SettingError
from twicetold.speech.identity import CallKey


def recording_key(key: CallKey, suffix: str = ".wav") -> str:
    """Where a call's recording lies; ``suffix`` is that of the uploaded file."""
    return f"recordings/{key.tenant}/{key.call_id}{suffix}"


def part_key(key: CallKey, number: int) -> str:
    """One minute of a running call's PCM. Numbers sort as text."""
    return f"{parts_prefix(key)}{number:06d}"


def parts_prefix(key: CallKey) -> str:
    return f"parts/{key.tenant}/{key.call_id}/"


def checkpoints_prefix(key: CallKey) -> str:
    """All of a call's checkpoints, whatever the recording's content and the plan."""
    return f"jobs/{key.tenant}/{key.call_id}/"


def checkpoint_key(key: CallKey, content: str, plan: str, number: int) -> str:
    return f"{checkpoints_prefix(key)}{content[:32]}/{plan}/chunk-{number:06d}.json"


def open_store(url: str, data_dir: Path) -> LocalStore:
    """The object store behind ``file://`` (the data directory) or ``file:///some/where``."""
    if not url.startswith("file://"):
        raise SettingError(f"store got {url!r}; it takes file:// or file:///DIRECTORY.")
    named = url.removeprefix("file://")
    root = Path(named) if named else data_dir / "store"
    # Absolute and without links, as those who watch it for new files will name them.
    return LocalStore(root.resolve(), automatic_cleanup=True, mkdir=True)


def local_path(store: LocalStore, object_key: str) -> Path:
    """The file behind an object of a local store."""
    if store.prefix is None:
        raise SettingError("the store has no directory of its own.")
    return Path(store.prefix) / object_key


def sync_object(store: LocalStore, object_key: str) -> None:
    """Put an object, and its name, on the disk; the store itself leaves that to chance. Blocks."""
    path = local_path(store, object_key)
    for synced in (path, path.parent):
        descriptor = os.open(synced, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
