"""The broker's contract over Kafka, on a real server."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator

import pytest
from tests.carriers.kafka_server import KafkaServer, needs_kafka
from tests.contracts.broker_contract import OpenBroker, Outage, SharedPartitions

from twicetold.broker.kafka.broker import KafkaBroker

pytestmark = [pytest.mark.contracts, needs_kafka()]


@pytest.fixture
def kafka_url(kafka: KafkaServer) -> str:
    """Topics of its own for each test."""
    return f"{kafka.url}/t-{uuid.uuid4().hex[:12]}?partitions=4"


class TestKafkaBroker(SharedPartitions):
    partitions = 4

    @pytest.fixture
    async def open_broker(self, kafka_url: str) -> AsyncIterator[OpenBroker]:
        async with contextlib.AsyncExitStack() as stack:

            async def open_one() -> KafkaBroker:
                broker = KafkaBroker(kafka_url)
                await broker.start()
                stack.push_async_callback(broker.aclose)
                return broker

            yield open_one

    @pytest.fixture
    def outage(self, kafka: KafkaServer) -> Outage:
        @contextlib.asynccontextmanager
        async def stopped() -> AsyncIterator[None]:
            kafka.pause()
            try:
                yield
            finally:
                kafka.wake()

        return stopped
