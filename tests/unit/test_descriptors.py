"""File descriptors: as many as there may be, and no disk is called full for want of one."""

from __future__ import annotations

import errno
import resource

import pytest
import structlog

from twicetold.broker.file.partition import Partition
from twicetold.broker.file.writer import _explain
from twicetold.descriptors import exhausted, raise_limit
from twicetold.errors import DiskFull, Overloaded
from twicetold.gateway.upload import _named_errors
from twicetold.live import recording
from twicetold.live.spool import Spool
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit

KEY = CallKey("acme", "call-1")


def test_the_soft_limit_becomes_the_hard_one(monkeypatch) -> None:
    limits = [(256, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: limits.append(pair))
    with structlog.testing.capture_logs() as logged:
        assert raise_limit(1000) == 4096
    assert limits[-1] == (4096, 4096)
    assert logged == []


def test_too_few_are_told_and_a_system_that_raises_nothing_is_taken_as_it_is(monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("exceeds the maximum")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    with structlog.testing.capture_logs() as logged:
        assert raise_limit(1000) == 256
    assert [entry["event"] for entry in logged] == ["descriptors_not_raised", "descriptors_too_few"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
async def test_none_left_is_overloaded_and_no_full_disk(tmp_path, number: int) -> None:
    error = OSError(number, "Too many open files")
    partition = Partition(KEY, tmp_path, 0, [0, 0, 0])
    assert type(_explain(partition, error)) is Overloaded

    def fail() -> None:
        raise error

    with pytest.raises(Overloaded):
        await recording._in_thread(fail)
    with pytest.raises(Overloaded), _named_errors():
        fail()


async def test_the_spool_says_so_too(tmp_path, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    spool = Spool(tmp_path / "spool", 10_000_000)
    monkeypatch.setattr(spool, "_write", fail)
    spool.append(bytes(4_000_000))
    with pytest.raises(Overloaded):
        await spool.settle()
    await spool.aclose()


def test_a_full_disk_stays_one(tmp_path) -> None:
    error = OSError(errno.ENOSPC, "No space left on device")
    assert exhausted(error) is None
    assert type(_explain(Partition(KEY, tmp_path, 0, [0, 0, 0]), error)) is DiskFull
