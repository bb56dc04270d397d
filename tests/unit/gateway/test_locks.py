"""Locks of calls: one waits for its own call only, and nothing is kept of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from twicetold.gateway.locks import CallLocks
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit

KEY, OTHER = CallKey("acme", "call-1"), CallKey("other", "call-1")


async def test_a_call_waits_for_itself_and_not_for_another() -> None:
    locks, order = CallLocks(), list[str]()

    async def work(name: str, key: CallKey) -> None:
        async with locks.hold(key):
            order.append(name)

    async with locks.hold(KEY):
        waiting = asyncio.create_task(work("same", KEY))
        await work("other", OTHER)
        order.append("first")
    await waiting
    assert order == ["other", "first", "same"]


async def test_nothing_is_kept_of_calls_that_are_not_in_hand() -> None:
    locks = CallLocks()
    for number in range(100):
        async with locks.hold(CallKey("acme", f"call-{number}")):
            assert len(locks) == 1
    assert len(locks) == 0


async def test_processes_that_share_a_directory_take_turns_too(tmp_path: Path) -> None:
    """Two sets of locks: what one process holds is nothing to the memory of another."""
    one, other, order = CallLocks(tmp_path / "locks"), CallLocks(tmp_path / "locks"), list[str]()

    async def work() -> None:
        async with other.hold(KEY):
            order.append("second")

    async with one.hold(KEY):
        waiting = asyncio.create_task(work())
        await asyncio.sleep(0.2)
        order.append("first")
    await waiting
    assert order == ["first", "second"]
    async with one.hold(KEY):
        waiting = asyncio.create_task(work())
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.wait([waiting])
    async with other.hold(KEY):
        pass
    assert order == ["first", "second"]
