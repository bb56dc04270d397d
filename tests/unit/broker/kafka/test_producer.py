from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest
import structlog
from confluent_kafka import KafkaError, KafkaException

from twicetold.broker.kafka import producer as module
from twicetold.broker.kafka.options import KafkaOptions
from twicetold.broker.kafka.producer import KafkaProducer
from twicetold.errors import Overloaded, Unavailable

pytestmark = pytest.mark.unit

Told = Callable[[KafkaError | None, object], None]


class FakeProducer:
    """As confluent_kafka's: a fatal error is raised by ``poll``, once, and from then on nothing is
    taken; ``purge`` gives what waits an outcome, which ``poll`` and ``flush`` tell."""

    def __init__(self, _settings: object) -> None:
        self._waiting: list[tuple[bytes, Told | None]] = []
        self._error: Exception | None = None
        self._told_error = False
        self._purged = False
        self.full = False
        self.sends = False
        self.forgets = False  # what was purged: no outcome is told
        self.sent: list[bytes] = []
        self.may_fail = threading.Event()
        self.may_fail.set()

    def fail(self, error: Exception) -> None:
        self._error = error

    def produce(
        self, _topic: str, value: bytes, _key: bytes, _partition: int, told: Told | None = None
    ) -> None:
        if self.full:
            raise BufferError
        if self._error is not None:
            raise KafkaException(KafkaError(KafkaError._FATAL))
        self._waiting.append((value, told))

    def poll(self, _timeout_s: float) -> int:
        time.sleep(0.002)
        if self._error is not None and not self._told_error:
            self._told_error = True
            assert self.may_fail.wait(5)
            raise self._error
        return self._settle()

    def flush(self, _timeout_s: float) -> int:
        self._settle()
        return len(self._waiting)

    def purge(self) -> None:
        self._purged = not self.forgets

    def _settle(self) -> int:
        if not self._purged and not self.sends:
            return 0
        settled, self._waiting = self._waiting, []
        for value, told in settled:
            if not self._purged:
                self.sent.append(value)
            if told is not None:
                told(KafkaError(KafkaError._PURGE_QUEUE) if self._purged else None, None)
        return len(settled)

    def __len__(self) -> int:
        return len(self._waiting)


def fatal() -> KafkaException:
    code = KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER
    return KafkaException(KafkaError(code, "the order is lost", fatal=True))


class Publishing:
    def __init__(self) -> None:
        self.failures: list[Unavailable] = []
        options = KafkaOptions.parse("kafka://127.0.0.1:9092")
        self.producer = KafkaProducer(options, self.failures.append)

    def publish(self, value: bytes) -> asyncio.Future[None]:
        return self.producer.publish("t.audio", 0, b"acme/call-1", value)

    def pass_on(self, value: bytes) -> None:
        self.producer.pass_on("t.captions", 0, b"acme/call-1", value)

    async def another_one(self, than: FakeProducer) -> FakeProducer:
        async with asyncio.timeout(5):
            while fakes()[-1] is than:
                await asyncio.sleep(0.002)
        return fakes()[-1]


_made: list[FakeProducer] = []


def fakes() -> list[FakeProducer]:
    return _made


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[FakeProducer]:
    _made.clear()

    def make(settings: object) -> FakeProducer:
        _made.append(FakeProducer(settings))
        return _made[-1]

    monkeypatch.setattr(module, "Producer", make)
    return _made


@contextlib.asynccontextmanager
async def publishing() -> AsyncIterator[Publishing]:
    found = Publishing()
    try:
        yield found
    finally:
        await found.producer.aclose()


async def test_after_a_fatal_error_what_was_under_way_fails_and_another_producer_goes_on() -> None:
    async with publishing() as to:
        first = fakes()[-1]
        under_way = [to.publish(b"1"), to.publish(b"2")]
        with structlog.testing.capture_logs() as logs:
            first.fail(fatal())
            second = await to.another_one(than=first)
        second.sends = True
        for receipt in under_way:
            with pytest.raises(Unavailable):
                await asyncio.wait_for(receipt, 5)
        await asyncio.wait_for(to.publish(b"1 again"), 5)
        assert second.sent == [b"1 again"]
        assert [line["event"] for line in logs] == ["kafka_producer_failed"]
        assert not to.failures


async def test_between_a_fatal_error_and_the_next_producer_receipts_fail_and_captions_go() -> None:
    async with publishing() as to:
        first = fakes()[-1]
        first.may_fail.clear()
        first.fail(fatal())
        receipt = to.publish(b"audio")
        to.pass_on(b"a caption")
        first.may_fail.set()
        with pytest.raises(Unavailable):
            await asyncio.wait_for(receipt, 5)


async def test_what_a_producer_tells_no_outcome_of_fails_with_it() -> None:
    async with publishing() as to:
        first = fakes()[-1]
        first.forgets = True
        receipt = to.publish(b"1")
        first.fail(fatal())
        with pytest.raises(Unavailable):
            await asyncio.wait_for(receipt, 5)


async def test_while_too_much_waits_publishing_is_refused_and_captions_go() -> None:
    async with publishing() as to:
        fakes()[-1].full = True
        to.pass_on(b"a caption")
        with pytest.raises(Overloaded):
            to.publish(b"audio")


async def test_a_thread_that_fails_fails_what_waits_and_what_comes() -> None:
    async with publishing() as to:
        receipt = to.publish(b"1")
        with structlog.testing.capture_logs() as logs:
            fakes()[-1].fail(ValueError("what somebody said"))
            with pytest.raises(Unavailable):
                await asyncio.wait_for(receipt, 5)
        with pytest.raises(Unavailable):
            to.publish(b"2")
        to.pass_on(b"a caption")
        assert len(to.failures) == 1
        assert [line["event"] for line in logs] == ["broker_thread_failed"]
        assert "somebody" not in str(logs)


async def test_once_closed_nothing_is_taken() -> None:
    async with publishing() as to:
        fakes()[-1].sends = True
        receipt = to.publish(b"1")
    assert receipt.done()
    with pytest.raises(Unavailable):
        to.publish(b"2")
    with pytest.raises(Unavailable):
        to.pass_on(b"2")
