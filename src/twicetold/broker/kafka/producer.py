"""Publishing to Kafka: librdkafka sends, a thread gathers receipts for the loop.

A fatal error (librdkafka could keep the order no more) is raised by ``poll``; from then on that
producer takes nothing, and another one takes its place.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from threading import Thread

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from twicetold.broker.kafka.options import KafkaOptions
from twicetold.broker.threads import guarded
from twicetold.errors import Overloaded, TwicetoldError, Unavailable

_log = structlog.get_logger()

_POLL_S = 0.2
_LAST_WORDS_S = 10.0
_PURGED_S = 2.0

Receipt = asyncio.Future[None]
_Outcome = tuple[Receipt, KafkaError | None]


class _Line:
    """One producer, and the receipts for what went into it."""

    def __init__(self, producer: Producer) -> None:
        self.producer = producer
        self.waiting: set[Receipt] = set()  # the loop's


class KafkaProducer:
    """Idempotent, acknowledged by all replicas in sync. Used from one event loop."""

    def __init__(self, options: KafkaOptions, failed: Callable[[Unavailable], None]) -> None:
        """``failed`` is called, in the thread, when that ends by an error nobody foresaw."""
        self._options, self._on_failed = options, failed
        self._loop = asyncio.get_running_loop()
        self._outcomes: list[_Outcome] = []  # of the poll that is under way; its thread's alone
        self._stopping = False
        self._failure: Unavailable | None = None
        self._unreachable = False
        self._line = self._open()
        self._thread = Thread(
            target=guarded,
            args=("kafka producer", self._main, self._fail),
            name="kafka producer",
            daemon=True,
        )
        self._thread.start()

    def publish(self, topic: str, partition: int, key: bytes, value: bytes) -> Receipt:
        """Raises Overloaded or Unavailable at once; the receipt waits while Kafka is away, and
        fails with Unavailable where Kafka did not take the message."""
        self._look()
        receipt: Receipt = self._loop.create_future()

        def told(error: KafkaError | None, _message: object) -> None:
            self._outcomes.append((receipt, error))

        line = self._line
        try:
            line.producer.produce(topic, value, key, partition, told)
        except BufferError:
            raise _overloaded() from None
        except KafkaException as error:  # as for all that is under way: another one will take it
            _settle(line, [(receipt, error.args[0])])
        else:
            line.waiting.add(receipt)
        return receipt

    def pass_on(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        """Publish what nobody waits for. Lost where too much waits already, or nothing is taken.
        Raises Unavailable once closed."""
        if self._stopping:
            self._look()
        with contextlib.suppress(BufferError, KafkaException):
            self._line.producer.produce(topic, value, key, partition)

    def _look(self) -> None:
        if self._stopping:
            raise Unavailable("The broker is closed.", "The server is stopping.")
        if self._failure is not None:
            raise Unavailable(self._failure.message, self._failure.hint)

    async def aclose(self) -> None:
        """Send what waits, for a while; what could not be sent fails with Unavailable."""
        self._stopping = True
        await asyncio.to_thread(self._thread.join)

    # --- in the thread -----------------------------------------------------------------

    def _main(self) -> None:
        while not self._stopping:
            try:
                self._line.producer.poll(_POLL_S)
            except KafkaException as error:
                self._begin_anew(error.args[0])
            self._hand_over()
        with self._told():
            self._line.producer.flush(_LAST_WORDS_S)
        self._give_up(self._line)

    def _open(self) -> _Line:
        return _Line(Producer(self._options.producer(self._on_error)))

    def _begin_anew(self, error: KafkaError) -> None:
        """What was under way fails, and whoever waits for it publishes it again."""
        _log.error("kafka_producer_failed", error=error.str())
        over, self._line = self._line, self._open()
        self._give_up(over)

    def _give_up(self, line: _Line) -> None:
        """What has no outcome, and gets none soon, fails."""
        with self._told():
            line.producer.purge()
            line.producer.flush(_PURGED_S)
        self._hand_over(line)
        self._call(_fail_all, line, Unavailable("Kafka did not take a message.", "Try again."))

    def _fail(self, error: Unavailable) -> None:
        self._failure = error
        self._on_failed(error)
        self._call(_fail_all, self._line, error)

    def _hand_over(self, line: _Line | None = None) -> None:
        if self._outcomes:
            outcomes, self._outcomes = self._outcomes, []
            if self._unreachable and any(error is None for _, error in outcomes):
                self._unreachable = False
                _log.info("kafka_reached_again", url=self._options.url.shown)
            self._call(_settle, line or self._line, outcomes)

    def _on_error(self, error: KafkaError) -> None:
        """From ``poll``, and not for what is fatal: librdkafka mends the rest by itself."""
        if not self._unreachable:
            self._unreachable = True
            _log.warning("kafka_unreachable", url=self._options.url.shown, error=error.str())

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """A producer that is given up: it may say once more that it has failed."""
        try:
            yield
        except KafkaException as error:
            _log.info("kafka_producer_failed", error=error.args[0].str())

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it who waited
            self._loop.call_soon_threadsafe(function, *arguments)


def _settle(line: _Line, outcomes: list[_Outcome]) -> None:
    for receipt, error in outcomes:
        line.waiting.discard(receipt)
        if receipt.done():
            continue
        if error is None:
            receipt.set_result(None)
        else:
            _refuse(receipt, _unavailable(error))


def _fail_all(line: _Line, error: TwicetoldError) -> None:
    for receipt in line.waiting:
        if not receipt.done():
            _refuse(receipt, error)
    line.waiting.clear()


def _refuse(receipt: Receipt, error: TwicetoldError) -> None:
    receipt.set_exception(error)
    receipt.exception()  # not everyone who publishes waits


def _unavailable(error: KafkaError) -> TwicetoldError:
    return Unavailable(
        f"Kafka did not take a message: {error.str()}.",
        "Try again in a moment.",
        public="A part of the server did not take a message.",  # the reason may name an address
    )


def _overloaded() -> TwicetoldError:
    return Overloaded("Too much audio waits to be sent to Kafka.")
