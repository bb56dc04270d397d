"""What aio-pika and aiormq raise for a connection that is no more, and what is no such thing."""

from __future__ import annotations

import asyncio

import pytest
from aiormq.exceptions import ChannelInvalidStateError

from twicetold.broker.rabbitmq.link import LinkLost, ended, losing

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "raised", [ConnectionResetError(104, "reset"), TimeoutError(), ChannelInvalidStateError()]
)
def test_a_lost_connection_is_told_as_one(raised: Exception) -> None:
    with pytest.raises(LinkLost), losing():
        raise raised


async def test_what_waits_on_a_connection_that_closes_without_a_reason_is_told_too() -> None:
    """aiormq rejects it with a bare Exception."""
    waiting = asyncio.get_running_loop().create_future()
    waiting.set_exception(Exception)
    with pytest.raises(LinkLost, match="closed"), losing():
        await waiting


def test_a_mistake_of_ours_is_no_lost_connection() -> None:
    with pytest.raises(KeyError), losing():
        raise KeyError("key")


async def test_a_task_that_loses_a_cancellation_is_cancelled_again() -> None:
    lost = 0

    async def deaf() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
                if lost > 1:
                    raise

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await ended(task)
    assert lost == 2
    await ended(task)  # it is over


async def test_what_a_task_ended_with_is_not_raised() -> None:
    async def failing() -> None:
        raise ZeroDivisionError

    task = asyncio.create_task(failing())
    await asyncio.wait([task])
    await ended(task)
