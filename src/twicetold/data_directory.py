"""Who works on a data directory: one process alone, or several that share it.

``lock`` is held by every process that is at work, exclusively or shared. Beside it, under
``processes/``, each has a file of its own that it holds locked for as long as it lives: from
these others see who is there, and what in the directory belongs to the dead. The kernel lets
go of both locks however a process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from twicetold.errors import DataDirectoryLocked, DiskFull, SettingError
from twicetold.file_systems import refuse_network

PROCESS = f"{os.getpid()}-{secrets.token_hex(4)}"  # this one; like no other, before or after it

_LOCK, _PROCESSES, _LOCKS, _SPOOL = "lock", "processes", "locks", "spool"


# By setting (sessions, broker), where the calls that run are kept: names of one and the same place.
Places = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Holder:
    """A process at work on a data directory."""

    role: str
    pid: int
    host: str
    shared: bool
    keeps: Places = field(default_factory=dict)

    def __str__(self) -> str:
        elsewhere = "" if self.host == socket.gethostname() else f" on {self.host}"
        return f"{self.role}, process {self.pid}{elsewhere}"


@contextmanager
def held(
    data_dir: Path, role: str, *, shared: bool, keeps: Places | None = None
) -> Iterator[Holder]:
    """Work on the data directory, made where it is not there: alone, or with others that share it
    and keep the calls that run in the same places.

    Raises DataDirectoryLocked, DiskFull where it cannot be written to, and SettingError where it
    cannot be shared.
    """
    if shared:
        refuse_network(data_dir)
    with _opened(data_dir) as lock:
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            raise _refusal(data_dir, shared=shared) from error
        with _present(data_dir, role, shared=shared, keeps=keeps or {}) as holder:
            refuse_mismatch(data_dir, holder.keeps)
            yield holder


def holders(data_dir: Path) -> list[Holder]:
    """Who is at work on the directory now, by name. Clears away what the dead have left."""
    known = []
    for path in _living(data_dir):
        # One that has only just come has not written yet; one that goes is gone.
        with contextlib.suppress(OSError, ValueError, TypeError):
            known.append(Holder(**json.loads(path.read_text(encoding="utf-8"))))
    return known


def refuse_mismatch(data_dir: Path, keeps: Places) -> None:
    """Raises SettingError where a process at work on the directory keeps the calls that run
    elsewhere: each would find the other's unknown, and end them."""
    for other in holders(data_dir):
        for setting, names in keeps.items():
            theirs = other.keeps.get(setting, names)
            if not set(names) & set(theirs):
                raise SettingError(
                    f"{setting} is {names[0]} here, but {theirs[0]} for {other}.",
                    f"Give every role the same {setting}, most simply in one file (--config). To "
                    "move, stop them all once no call runs.",
                )


def spool_of(data_dir: Path) -> Path:
    """Where this process keeps what nobody needs once it is gone: of two that record one call,
    one of them taken over, each has its file. Made by whoever writes into it."""
    return data_dir / _SPOOL / PROCESS


def sweep_spools(data_dir: Path) -> None:
    """Remove what dead processes have left in their spools. Blocks."""
    there = list((data_dir / _SPOOL).glob("*"))  # listed first: who comes later is not removed
    living = {path.name for path in _living(data_dir)}
    for path in there:
        if path.name not in living:
            shutil.rmtree(path, ignore_errors=True)


def locks_of(data_dir: Path) -> Path:
    """Where files lie that processes lock for what one of them does at a time."""
    return data_dir / _LOCKS


@asynccontextmanager
async def alone(path: Path) -> AsyncIterator[None]:
    """One process at a time, in no order: the others wait until it leaves or dies."""
    file = await asyncio.to_thread(path.open, "ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        await _wait_for(file)
    with file:
        yield


async def _wait_for(file: IO[bytes]) -> None:
    """In a thread that nobody joins: it cannot be called back from its wait. A turn that comes
    when nobody waits for it any more is given up at once."""
    loop = asyncio.get_running_loop()
    turn: asyncio.Future[None] = loop.create_future()

    def told() -> None:
        if turn.cancelled():
            file.close()
        else:
            turn.set_result(None)

    def wait() -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            loop.call_soon_threadsafe(told)
        except (OSError, RuntimeError):  # the loop is gone, and with it who waited
            file.close()

    threading.Thread(target=wait, name="waiting-turn", daemon=True).start()
    await turn


def _opened(data_dir: Path) -> IO[str]:
    try:
        data_dir.mkdir(0o700, parents=True, exist_ok=True)  # what people said, for no other user
        (data_dir / _PROCESSES).mkdir(exist_ok=True)
        (data_dir / _LOCKS).mkdir(exist_ok=True)
        return (data_dir / _LOCK).open("a+")
    except OSError as error:
        hint = "Choose another directory with --data-dir."
        raise DiskFull(f"Cannot write to {data_dir}: {error.strerror}.", hint) from error


@contextmanager
def _present(data_dir: Path, role: str, *, shared: bool, keeps: Places) -> Iterator[Holder]:
    holder = Holder(role, os.getpid(), socket.gethostname(), shared, keeps)
    path = data_dir / _PROCESSES / PROCESS
    try:
        file = _locked_file(path, json.dumps(asdict(holder)))
    except OSError as error:
        raise DiskFull(f"Cannot write to {path.parent}: {error.strerror}.") from error
    with file:
        try:
            yield holder
        finally:
            path.unlink(missing_ok=True)


def _locked_file(path: Path, text: str) -> IO[str]:
    """Before it is locked whoever looks for the dead may take it for one of theirs."""
    while True:
        file = path.open("w", encoding="utf-8")
        fcntl.flock(file, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                break
        file.close()
    file.write(text)
    file.flush()
    return file


def _living(data_dir: Path) -> list[Path]:
    """The files of processes that hold them; those that nobody holds are removed."""
    return [path for path in sorted((data_dir / _PROCESSES).glob("*")) if _alive(path)]


def _alive(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return True
    except FileNotFoundError:  # it has just gone
        pass
    return False


def _refusal(data_dir: Path, *, shared: bool) -> DataDirectoryLocked:
    others = holders(data_dir)
    if shared:
        hint = "It needs the directory for itself (broker=file://). Stop it, or choose another."
    elif any(other.shared for other in others):
        hint = "They share it by way of a broker; broker=file:// needs it for itself. Stop them, "
        hint += "or give this one its own --data-dir."
    else:
        hint = DataDirectoryLocked.default_hint
    return DataDirectoryLocked(f"{data_dir} is in use by {_named(others)}.", hint)


def _named(others: Sequence[Holder]) -> str:
    if not others:  # it has only just come, or is of an older version
        return "another server"
    kind = "another server" if len(others) == 1 else "other servers"
    return f"{kind} ({'; '.join(map(str, others))})"
