from __future__ import annotations

import asyncio

import pytest

from twicetold.broker.heard import Heard
from twicetold.errors import Unavailable
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit

KEY = CallKey("t", "c")


async def test_a_slow_reader_loses_the_oldest_and_stays_bounded() -> None:
    heard = Heard(most_bytes=10_000)
    for number in range(1000):
        heard.put(KEY, str(number).encode())
    numbers = [int(value) for _, value in await heard.receive()]
    assert numbers == list(range(numbers[0], 1000))
    assert 10 <= len(numbers) <= 50


async def test_a_message_larger_than_the_queue_still_arrives() -> None:
    heard = Heard(most_bytes=10)
    heard.put(KEY, b"x" * 1000)
    assert await heard.receive() == [(KEY, b"x" * 1000)]


async def test_it_waits_for_something_and_gives_it_once() -> None:
    heard = Heard()
    waiting = asyncio.create_task(heard.receive())
    await asyncio.sleep(0)
    assert not waiting.done()
    heard.put(KEY, b"1")
    heard.put(KEY, b"2")
    assert await waiting == [(KEY, b"1"), (KEY, b"2")]
    heard.put(KEY, b"3")
    assert await heard.receive() == [(KEY, b"3")]


async def test_a_second_reader_is_refused_and_closing_ends_the_first() -> None:
    heard = Heard()
    waiting = asyncio.create_task(heard.receive())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="one reader"):
        await heard.receive()
    heard.close()
    assert await waiting == []
    heard.put(KEY, b"too late")
    assert await heard.receive() == []


async def test_one_that_failed_says_so_to_whoever_waits_and_whoever_asks() -> None:
    heard = Heard()
    waiting = asyncio.create_task(heard.receive())
    await asyncio.sleep(0)
    heard.fail(Unavailable("It has failed."))
    heard.put(KEY, b"late")
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        await heard.receive()
