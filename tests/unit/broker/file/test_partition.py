from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from twicetold.broker import Topic
from twicetold.broker.file.partition import Failure, Partition, Receipt
from twicetold.errors import DiskFull
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit


def failure(generation: int = 0) -> Failure:
    return Failure(DiskFull("no space"), generation)


def partition() -> Partition:
    return Partition(CallKey("t", "c"), Path("unused"), 0, [0, 0, 0])


async def test_a_receipt_that_fails_unawaited_stays_quiet() -> None:
    complaints: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    receipt = Receipt(loop=loop)
    receipt.fail(failure())
    del receipt
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_awaiting_a_receipt_raises_and_marks_the_failure_seen() -> None:
    for look in ("await before", "await after", "gather", "result", "exception"):
        receipt, seen = Receipt(loop=asyncio.get_running_loop()), failure()
        if look == "await before":
            waiting = asyncio.ensure_future(wait_for(receipt))
            await asyncio.sleep(0)
            receipt.fail(seen)
            assert not seen.seen
            assert isinstance(await waiting, DiskFull)
        else:
            receipt.fail(seen)
            assert not seen.seen
        if look == "await after":
            assert isinstance(await wait_for(receipt), DiskFull)
        if look == "gather":
            found = await asyncio.gather(receipt, return_exceptions=True)
            assert isinstance(found[0], DiskFull)
        if look == "result":
            with pytest.raises(DiskFull):
                receipt.result()
        if look == "exception":
            assert isinstance(receipt.exception(), DiskFull)
        assert seen.seen, look


async def wait_for(receipt: Receipt) -> BaseException | None:
    try:
        await receipt
    except DiskFull as error:
        return error
    return None


async def test_giving_up_on_a_receipt_does_not_see_its_failure() -> None:
    receipt, unseen = Receipt(loop=asyncio.get_running_loop()), failure()
    waiting = asyncio.ensure_future(wait_for(receipt))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    receipt.fail(unseen)
    assert not unseen.seen


def test_a_failure_stands_until_it_was_seen() -> None:
    call = partition()
    standing = call.fail(Topic.AUDIO, failure())
    assert call.admit(Topic.AUDIO) is standing
    assert call.generation == 0
    standing.seen = True
    assert call.admit(Topic.AUDIO) is None
    assert call.generation == 1  # what was published before the failure was seen is refused


def test_each_topic_has_a_failure_of_its_own() -> None:
    call = partition()
    audio, finals = (call.fail(topic, failure()) for topic in (Topic.AUDIO, Topic.FINALS))
    audio.seen = True
    assert call.admit(Topic.AUDIO) is None
    assert call.admit(Topic.FINALS) is finals
    finals.seen = True
    assert call.admit(Topic.FINALS) is None
    assert call.generation == 1


def test_what_the_writer_refused_of_a_break_that_was_seen_does_not_stand_again() -> None:
    call = partition()
    call.fail(Topic.AUDIO, failure()).seen = True
    assert call.admit(Topic.AUDIO) is None
    call.fail(Topic.AUDIO, failure(generation=0))
    assert call.admit(Topic.AUDIO) is None
    later = call.fail(Topic.AUDIO, failure(generation=1))
    assert call.admit(Topic.AUDIO) is later


def test_a_damaged_log_refuses_for_good() -> None:
    call = partition()
    call.break_off(DiskFull("damaged"))
    for topic in (Topic.AUDIO, Topic.FINALS):
        standing = call.admit(topic)
        assert standing is not None
        standing.seen = True
        assert call.admit(topic) is standing
