"""The session store port: one record per call, changed by compare-and-set.

Three writers share a record and each owns its fields (gateway: ``epoch``, ``next_seq``,
``next_sample``, …, the lease; live worker: ``owner``, ``boundaries``, ``event``, finals added, …;
recorder: finals trimmed, sweeping). A write compares the fields that make its writer the
owner, so a process that was taken over, however late it wakes, loses the comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypedDict

from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final


class State(StrEnum):
    OPEN = "open"
    CLOSING = "closing"  # its close is, or is about to be, in the audio topic
    CLOSED = "closed"  # its last final is stored


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a running call. Positions count samples per channel.

    ``cuts``: each channel's boundary once more, where speech was cut there; else 0. A worker that
    knows nothing of cuts moves the boundary alone, and then it is none. ``heard_ms``: when the
    last sound that ``next_sample`` counts was taken, in Unix milliseconds (0: not known).
    ``redaction``: what the last words asked for, by which redaction goes on, in its own form; no
    word of an answer. ``gateway``: which one holds the lease; empty once it has left, and all it
    took is counted. ``computed``: how long engines were at work for the finals so far, as the live
    worker notes it.
    """

    key: CallKey
    rate: int
    channels: int
    language: str
    encoding: str
    input_rate: int
    token_hash: str
    started_at: float
    state: State = State.OPEN
    gateway: str = ""
    epoch: int = 1
    next_seq: int = 0
    next_sample: int = 0
    heard_ms: int = 0
    owner: int = 0
    takeovers: int = 0
    boundaries: tuple[int, ...] = ()
    utterances: tuple[int, ...] = ()
    adaptation: tuple[str | None, ...] = ()
    cuts: tuple[int, ...] = ()
    redaction: str = ""
    event: int = 0
    computed: str = ""
    finals: tuple[Final, ...] = field(default=())
    recorded: bool = False


class Expected(TypedDict, total=False):
    """What a writer compares before it writes; each named field must be equal."""

    state: State
    epoch: int
    owner: int
    event: int
    next_seq: int
    next_sample: int


class Changes(TypedDict, total=False):
    """What a writer changes. The last three are not fields but act on them."""

    state: State
    gateway: str
    token_hash: str
    epoch: int
    next_seq: int
    next_sample: int
    heard_ms: int
    owner: int
    takeovers: int
    boundaries: tuple[int, ...]
    utterances: tuple[int, ...]
    adaptation: tuple[str | None, ...]
    cuts: tuple[int, ...]
    redaction: str
    event: int
    computed: str
    recorded: bool
    lease_s: float  # the gateway's lease runs this long from now, by the store's clock; 0 ends it
    add_final: Final  # appended to finals
    trim_finals: int  # finals up to and with this event are in the draft: forget them


class Sessions(Protocol):
    """Every call may raise Unavailable: it was not carried out, or only its answer was lost.
    All but ``swap`` may simply be repeated."""

    async def start(self) -> None:
        """Connect, and see that what is there is as it must be. Retries what may pass, for as
        long as it takes, and logs which address does not answer. Raises SettingError where a
        person must mend something, CorruptDatabase where the file is damaged."""

    async def check(self) -> None:
        """Whether it takes changes now, tried by a cheap one. Raises Unavailable, or SettingError
        where a person must mend something."""

    async def create(self, record: Record, lease_s: float) -> None:
        """Store a new record. Raises CallInUse where one exists for that key, TypeError or
        ValueError as ``swap`` does."""

    async def load(self, key: CallKey) -> Record | None:
        """The call's record. Raises CorruptDatabase where what is kept is none."""

    async def swap(self, key: CallKey, expected: Expected, changes: Changes) -> None:
        """Compare and change in one step. Raises SwapLost, or SessionLost if there is no record.

        Raises Unavailable where the store did not answer: the change may then have been made (the
        message says so where it may), and will not be made later. It is not repeated here, for a
        second try would take the first for a rival's: a writer that goes on, and loses, reads the
        record and writes from there.

        Raises TypeError for a field that is not one of the port's or a value of another type,
        ValueError for a value that cannot be stored, and where ``event`` is given and is not the
        added final's.
        """

    async def leased(self, key: CallKey) -> bool:
        """Whether a gateway's lease on the call still runs, by the store's clock. False also where
        there is no record."""

    async def sweep(self, abandoned_after_s: float) -> list[Record]:
        """Open and closing calls whose lease ran out at least that long ago."""

    async def unfinished(self) -> list[Record]:
        """All calls that are not closed, or closed and not yet recorded."""

    async def remove(self, key: CallKey) -> None:
        """Forget the call. One that is not known is not an error."""

    async def aclose(self) -> None: ...
