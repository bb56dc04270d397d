"""Object keys, and opening a store by URL; the store itself is obstore's."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from io import BufferedReader
from pathlib import Path

from obstore.store import LocalStore

from twicetold.errors import RecordingNotFound, SettingError
from twicetold.speech.identity import CallKey

_UNLINKED = os.O_NOFOLLOW | os.O_CLOEXEC
# obstore writes an object beside its name, as NAME#1 (or #2, …), and renames it. In recordings/
# others may name files as they like: of those only what we write there can be meant.
_STAGED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*#\d+")
_STAGED_UNDER = {
    "parts": _STAGED,
    "waveforms": _STAGED,
    "jobs": _STAGED,
    "recordings": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.wav#\d+"),
    "redacted": _STAGED,
}
# A link that is not to be followed is ELOOP, or ENOTDIR where a directory was wanted.
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EMLINK, errno.ENXIO)


def recording_key(key: CallKey, suffix: str = ".wav") -> str:
    """Where a call's recording lies; ``suffix`` is that of the uploaded file."""
    return f"recordings/{key.tenant}/{key.call_id}{suffix}"


def part_key(key: CallKey, number: int) -> str:
    """One minute of a running call's PCM. Numbers sort as text."""
    return f"{parts_prefix(key)}{number:06d}"


def parts_prefix(key: CallKey) -> str:
    return f"parts/{key.tenant}/{key.call_id}/"


def waveforms_prefix(key: CallKey) -> str:
    """How loud a call's recording is over time; at most one object, that of its recording."""
    return f"waveforms/{key.tenant}/{key.call_id}/"


def waveform_key(key: CallKey, content: str) -> str:
    return f"{waveforms_prefix(key)}{content}"


def checkpoints_prefix(key: CallKey) -> str:
    """All of a call's checkpoints, whatever the recording's content and the plan."""
    return f"jobs/{key.tenant}/{key.call_id}/"


def checkpoint_key(key: CallKey, content: str, plan: str, number: int) -> str:
    return f"{checkpoints_prefix(key)}{content[:32]}/{plan}/chunk-{number:06d}.json"


def language_key(key: CallKey, content: str, plan: str, channel: int) -> str:
    """The language of a channel, beside the checkpoints that it holds for."""
    return f"{checkpoints_prefix(key)}{content[:32]}/{plan}/language-{channel:02d}.json"


def stage_key(key: CallKey, content: str, plan: str, stage: str, settings: str) -> str:
    """What a stage of enrichment made of it; ``settings`` names what that depends on besides."""
    return f"{checkpoints_prefix(key)}{content[:32]}/{plan}/{stage}-{settings}.z"


def redacted_key(key: CallKey) -> str:
    """A call's recording without what was removed from its words."""
    return f"redacted/{key.tenant}/{key.call_id}.wav"


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


def remove_all(store: LocalStore, prefix: str) -> None:
    """Remove whatever lies under a prefix that ends in '/', also what a killed process has left
    half written, which the store's own verbs do not show. Blocks."""
    top = local_path(store, prefix)
    if top.is_symlink():
        return
    for folder, _, names in os.walk(top, topdown=False):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # somebody else is at it as well
                (Path(folder) / name).unlink()
        with contextlib.suppress(OSError):  # it is gone, or something has come in meanwhile
            Path(folder).rmdir()


def calls_with_remains(store: LocalStore) -> list[CallKey]:
    """The calls that parts or checkpoints lie there of: those that run or are worked on, and what
    was left of others. Blocks."""
    found = {
        (folder.parent.name, folder.name)
        for top in ("parts", "jobs")
        for folder in local_path(store, top).glob("*/*")
    }
    return [CallKey(*names) for names in sorted(found)]


def remove_stale_staged(store: LocalStore, older_than_s: float) -> list[str]:
    """Remove what killed processes have left half written, and return its names. Blocks."""
    root, removed = local_path(store, ""), []
    for top, staged in _STAGED_UNDER.items():
        for folder, _, names in os.walk(root / top):
            for name in filter(staged.fullmatch, names):
                path = Path(folder) / name
                with contextlib.suppress(FileNotFoundError):  # it came to its end meanwhile
                    if time.time() - path.stat().st_mtime > older_than_s:
                        path.unlink()
                        removed.append(str(path.relative_to(root)))
    return removed


def stat_recording(path: Path) -> os.stat_result:
    """What is known of a recording. Raises RecordingNotFound, also for a link. Blocks."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _no_recording(path) from error
    if not stat.S_ISREG(found.st_mode) or path.parent.is_symlink():
        raise _no_recording(path)
    return found


def open_recording(path: Path) -> BufferedReader:
    """Open a recording to read it. Raises RecordingNotFound. Blocks.

    Whoever may drop files into the store could otherwise have any file of this machine read
    out by a link, so neither the file nor its directory may be one.
    """
    try:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | _UNLINKED)
        try:
            # Not blocking: a pipe without a writer would wait here for ever.
            flags = os.O_RDONLY | os.O_NONBLOCK | _UNLINKED
            descriptor = os.open(path.name, flags, dir_fd=directory)
        finally:
            os.close(directory)
    except OSError as error:
        if error.errno in _NOT_THERE:
            raise _no_recording(path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_recording(path)
    return os.fdopen(descriptor, "rb")


def _no_recording(path: Path) -> RecordingNotFound:
    return RecordingNotFound(
        f"The recording {path.name} is not there, or is no file of its own.",
        "Restore it, or delete the call. Links are not followed.",
    )


def sync_object(store: LocalStore, object_key: str) -> None:
    """Put an object, and its name, on the disk; the store itself leaves that to chance. Blocks."""
    path = local_path(store, object_key)
    for synced in (path, path.parent):
        descriptor = os.open(synced, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
