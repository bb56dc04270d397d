"""The broker's contract over RabbitMQ, on a real server."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator

import pytest
from tests.carriers.rabbitmq_server import RabbitServer, needs_rabbitmq
from tests.contracts.broker_contract import OpenBroker, Outage, SharedPartitions
from tests.contracts.fake_coordination import FakeCoordination

from twicetold.broker.rabbitmq import RabbitBroker

pytestmark = [pytest.mark.contracts, needs_rabbitmq()]


@pytest.fixture
def url(rabbitmq: RabbitServer) -> str:
    """Streams of its own for each test."""
    return f"{rabbitmq.url}/t-{uuid.uuid4().hex[:12]}?partitions=4"


class TestRabbitBroker(SharedPartitions):
    partitions = 4

    @pytest.fixture
    async def open_broker(self, url: str) -> AsyncIterator[OpenBroker]:
        coordination = FakeCoordination()
        async with contextlib.AsyncExitStack() as stack:

            async def open_one() -> RabbitBroker:
                broker = RabbitBroker(url, coordination)
                await broker.start()
                stack.push_async_callback(broker.aclose)
                return broker

            yield open_one

    @pytest.fixture
    def outage(self, rabbitmq: RabbitServer) -> Outage:
        @contextlib.asynccontextmanager
        async def stopped() -> AsyncIterator[None]:
            rabbitmq.pause()
            try:
                yield
            finally:
                rabbitmq.wake()

        return stopped
