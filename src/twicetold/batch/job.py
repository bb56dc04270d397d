"""One attempt at a job: which recording it means, how it is tried again, what is said about it."""

from __future__ import annotations

import asyncio
import hashlib
import random
from dataclasses import dataclass, field
from pathlib import Path

from twicetold.batch.chunking import ChunkingSettings
from twicetold.errors import RecordingNotFound, TwicetoldError
from twicetold.storage import open_recording, stat_recording

_LONGEST_WAIT_S = 300.0


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How jobs are worked on; see the settings of the same names."""

    chunking: ChunkingSettings = field(default_factory=ChunkingSettings)
    job_lease_s: float = 60.0
    job_attempts: int = 4
    jobs_at_once: int = 0  # 0: as many as the engine has places
    retry_base_s: float = 5.0  # the first wait; each further one is twice as long
    provisional_base_s: float = 30.0  # as long, where a stand-in's transcript serves
    status_every_s: float = 1.0
    settle_s: float = 5.0


@dataclass(frozen=True, slots=True)
class FileState:
    """What changes when a file is written to or replaced, short of reading it."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @property
    def changed_s(self) -> float:
        """Unix seconds of the last change; also a file that was moved here changed then."""
        return max(self.mtime_ns, self.ctime_ns) / 1e9

    @property
    def written_s(self) -> float:
        """Unix seconds at which it was last written to."""
        return self.mtime_ns / 1e9

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Raises RecordingNotFound. Touches the disk: call it in a thread."""
        found = stat_recording(path)
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


@dataclass(frozen=True, slots=True)
class Identity:
    """A recording's bytes: their SHA-256 in hex, and the file's state before they were read."""

    content: str
    state: FileState


async def identify(path: Path) -> Identity:
    """Read the file through, in a thread. Raises RecordingNotFound."""
    return await asyncio.to_thread(_identify, path)


async def unchanged(path: Path, identity: Identity) -> bool:
    """Whether the file still holds the same bytes; reads them only if something stirred."""
    try:
        if await asyncio.to_thread(FileState.of, path) == identity.state:
            return True
        return (await identify(path)).content == identity.content
    except RecordingNotFound:
        return False


def _identify(path: Path) -> Identity:
    state = FileState.of(path)
    with open_recording(path) as file:
        return Identity(hashlib.file_digest(file, "sha256").hexdigest(), state)


def wait_before_retry_s(attempt: int, base_s: float) -> float:
    """Twice as long each time, at most five minutes, up to a quarter more by chance."""
    wait_s = min(_LONGEST_WAIT_S, base_s * 2.0 ** (attempt - 1))
    return wait_s * random.uniform(1.0, 1.25)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, as the queue and the call's row keep it."""

    code: str
    message: str
    hint: str
    retryable: bool


def failure_of(error: Exception) -> Failure:
    """What to tell people about it, who may be clients and have no use for a path. Texts of foreign
    errors stay out: they may quote anything."""
    if isinstance(error, TwicetoldError):
        told = error.to_dict()
        return Failure(error.code, str(told["message"]), str(told["hint"]), error.retryable)
    return Failure(
        "internal_error",
        f"The batch pass met an unexpected {type(error).__name__}.",
        "The server's log has the details. 'twicetold jobs retry' tries again.",
        retryable=True,
    )
