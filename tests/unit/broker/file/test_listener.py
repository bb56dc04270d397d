from __future__ import annotations

import asyncio

import pytest

from twicetold.broker import Topic
from twicetold.broker.file.listener import FileListener, Following
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit

KEY = CallKey("t", "c")


def listening(queue_bytes: int = 100_000) -> tuple[Following, FileListener]:
    following = Following()
    listener = FileListener(
        Topic.CAPTIONS, following, queue_bytes=queue_bytes, closed=lambda _: None
    )
    return following, listener


async def test_a_slow_listener_loses_the_oldest_and_stays_bounded() -> None:
    following, listener = listening(queue_bytes=10_000)
    await listener.add(KEY)
    for number in range(1000):
        following.deliver(Topic.CAPTIONS, KEY, str(number).encode())
    numbers = [int(value) for _, value in await listener.receive()]
    assert numbers == list(range(numbers[0], 1000))
    assert 10 <= len(numbers) <= 50


async def test_a_message_larger_than_the_queue_still_arrives() -> None:
    following, listener = listening(queue_bytes=10)
    await listener.add(KEY)
    following.deliver(Topic.CAPTIONS, KEY, b"x" * 1000)
    assert await listener.receive() == [(KEY, b"x" * 1000)]


async def test_adding_twice_delivers_once() -> None:
    following, listener = listening()
    await listener.add(KEY)
    await listener.add(KEY)
    following.deliver(Topic.CAPTIONS, KEY, b"once")
    assert await listener.receive() == [(KEY, b"once")]


async def test_a_closed_listener_is_followed_by_nobody() -> None:
    following, listener = listening()
    await listener.add(KEY)
    await listener.aclose()
    await listener.add(KEY)
    following.deliver(Topic.CAPTIONS, KEY, b"x")
    assert await listener.receive() == []


async def test_a_second_reader_is_refused() -> None:
    _, listener = listening()
    waiting = asyncio.create_task(listener.receive())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="one reader"):
        await listener.receive()
    listener.close()
    assert await waiting == []
