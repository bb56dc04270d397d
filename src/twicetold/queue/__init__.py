"""The job queue port: one job a recording, leased, retried with backoff, visible when it fails."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from twicetold.speech.identity import CallKey


class JobState(StrEnum):
    WAITING = "waiting"  # free, or waiting for its next attempt
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"


ENDED = (JobState.DONE, JobState.FAILED)


@dataclass(frozen=True, slots=True)
class Job:
    """Transcribe one recording. ``content`` is the hex SHA-256 of its bytes."""

    key: CallKey
    content: str
    recording: str  # object key
    language: str = "auto"

    @property
    def job_id(self) -> str:
        """The same for the same recording, so that a repeated event is the same job."""
        return f"{self.key.tenant}/{self.key.call_id}/{self.content[:32]}"


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job as people see it; times are Unix seconds."""

    job: Job
    state: JobState
    attempts: int
    submitted_at: float
    next_attempt_at: float | None = None
    ended_at: float | None = None  # done or failed, since then
    error_code: str | None = None
    error: str | None = None
    hint: str | None = None
    done_s: float = 0.0
    total_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Tally:
    """The jobs of all tenants, counted. ``waited_s``: for how long the job that has been free
    longest could have been claimed; 0 where none is free."""

    waiting: int = 0  # free, or waiting for their next attempt
    running: int = 0
    failed: int = 0
    waited_s: float = 0.0


class Lease(Protocol):
    """A claimed job. Every verb raises LeaseLost once the job has gone to another worker."""

    @property
    def job(self) -> Job: ...

    @property
    def attempt(self) -> int:
        """1 for the first attempt."""

    @property
    def generation(self) -> int:
        """How often the job was begun again by hand (``again``, ``retry_failed``)."""

    async def extend(self, done_s: float = 0.0, total_s: float = 0.0) -> None:
        """Keep the lease for another full term and note progress in audio seconds."""

    async def complete(self) -> None: ...

    async def retry(self, delay_s: float, code: str, error: str, hint: str = "") -> None:
        """Give the job back; it is free again after ``delay_s``."""

    async def give_back(self) -> None:
        """The worker stops: the job is free again at once, and this attempt does not count."""

    async def fail(self, code: str, error: str, hint: str = "") -> None:
        """Park the job where people see it; ``retry_failed`` brings it back."""


class Queue(Protocol):
    async def submit(self, job: Job) -> bool:
        """Queue a job; False where a job of that id exists in any state (idempotent)."""

    async def claim(self) -> Lease:
        """The oldest job that is free; waits until there is one."""

    async def jobs(
        self, tenant: str | None = None, state: JobState | None = None, limit: int = 100
    ) -> list[JobStatus]:
        """Newest first."""

    async def job_of(self, key: CallKey) -> JobStatus | None:
        """The call's newest job."""

    async def tally(self) -> Tally:
        """How many jobs are where. Cheap, however many are done."""

    async def again(self, key: CallKey) -> None:
        """Work on the call's newest job once more, failed or done, its attempts counted anew.
        Raises JobNotFound where there is none that has ended."""

    async def retry_failed(self, key: CallKey) -> None:
        """Free the call's newest failed job, attempts counted from 0. Raises JobNotFound."""

    async def forget(self, key: CallKey) -> None:
        """Remove all jobs of a call; a worker that holds one finds its lease lost."""

    async def aclose(self) -> None: ...
