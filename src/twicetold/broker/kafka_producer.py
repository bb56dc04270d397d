"""Publishing to Kafka: librdkafka sends, a thread gathers receipts for the loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from twicetold.broker.kafka_options import KafkaOptions
from twicetold.errors import Overloaded, TwicetoldError, Unavailable

_log = structlog.get_logger()

_POLL_S = 0.2
_LAST_WORDS_S = 10.0

Receipt = asyncio.Future[None]
_Outcome = tuple[Receipt, KafkaError | None]


class KafkaProducer:
    """Idempotent, acknowledged by all replicas in sync. Used from one event loop."""

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._outcomes: list[_Outcome] = []  # of the poll that is under way; its thread's alone
        self._stopping = False
        self._fatal = threading.Event()
        self._unreachable = False
        self._producer = Producer(options.producer(self._on_error))
        self._thread = threading.Thread(target=self._main, name="kafka-produce", daemon=True)
        self._thread.start()

    def publish(self, topic: str, partition: int, key: bytes, value: bytes) -> Receipt:
        """Raises Overloaded or Unavailable at once; the receipt waits while Kafka is away."""
        receipt: Receipt = self._loop.create_future()

        def told(error: KafkaError | None, _message: object) -> None:
            self._outcomes.append((receipt, error))

        self._produce(topic, value, key, partition, told)
        return receipt

    def pass_on(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        """Publish what nobody waits for. Lost where too much waits already."""
        with contextlib.suppress(Overloaded):
            self._produce(topic, value, key, partition, None)

    def _produce(self, topic: str, value: bytes, key: bytes, partition: int, told: Any) -> None:
        if self._stopping:
            raise Unavailable("The broker is closed.", "The server is stopping.")
        try:
            if told is None:
                self._producer.produce(topic, value, key, partition)
            else:
                self._producer.produce(topic, value, key, partition, told)
        except BufferError:
            raise Overloaded("Too much audio waits to be sent to Kafka.") from None
        except KafkaException as error:
            raise _unavailable(error.args[0]) from error

    async def aclose(self) -> None:
        """Send what waits, for a while; what could not be sent fails with Unavailable."""
        self._stopping = True
        await asyncio.to_thread(self._thread.join)

    # --- in the thread -----------------------------------------------------------------

    def _main(self) -> None:
        while not self._stopping:
            self._producer.poll(_POLL_S)
            self._hand_over()
            if self._fatal.is_set():
                self._begin_anew()
        self._producer.flush(_LAST_WORDS_S)
        self._give_up()

    def _begin_anew(self) -> None:
        """What was under way fails, and whoever waits for it publishes it again."""
        self._give_up()
        self._fatal.clear()
        self._producer = Producer(self._options.producer(self._on_error))

    def _give_up(self) -> None:
        self._producer.purge()
        while len(self._producer) and self._producer.poll(_POLL_S):
            pass
        self._hand_over()

    def _hand_over(self) -> None:
        if self._outcomes:
            outcomes, self._outcomes = self._outcomes, []
            if self._unreachable and any(error is None for _, error in outcomes):
                self._unreachable = False
                _log.info("kafka_reached_again", url=self._options.url.shown)
            with contextlib.suppress(RuntimeError):  # the loop is gone, and with it who waited
                self._loop.call_soon_threadsafe(_settle, outcomes)

    def _on_error(self, error: KafkaError) -> None:
        """From ``poll``: librdkafka mends most by itself."""
        if error.fatal():
            _log.error("kafka_producer_failed", error=error.str())
            self._fatal.set()
        elif not self._unreachable:
            self._unreachable = True
            _log.warning("kafka_unreachable", url=self._options.url.shown, error=error.str())


def _settle(outcomes: list[_Outcome]) -> None:
    for receipt, error in outcomes:
        if receipt.done():
            continue
        if error is None:
            receipt.set_result(None)
        else:
            receipt.set_exception(_unavailable(error))
            receipt.exception()  # not everyone who publishes waits


def _unavailable(error: KafkaError) -> TwicetoldError:
    return Unavailable(f"Kafka did not take a message: {error.str()}.", "Try again in a moment.")
