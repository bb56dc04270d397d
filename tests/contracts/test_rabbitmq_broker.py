"""The broker's contract over RabbitMQ, on a real server."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import AsyncIterator

import pytest
from tests.contracts.broker_contract import OpenBroker, Outage, SharedPartitions
from tests.contracts.fake_coordination import FakeCoordination

from twicetold.broker.rabbitmq import RabbitBroker

pytestmark = pytest.mark.contracts


@pytest.fixture
def url() -> str:
    """Streams of its own for each test."""
    port, _ = os.environ["DEVRABBIT"].split()
    return f"rabbitmq://guest:guest@127.0.0.1:{port}/t-{uuid.uuid4().hex[:12]}?partitions=4"


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
    def outage(self) -> Outage:
        @contextlib.asynccontextmanager
        async def stopped() -> AsyncIterator[None]:
            _, pid = os.environ["DEVRABBIT"].split()
            os.killpg(int(pid), 19)
            try:
                yield
            finally:
                os.killpg(int(pid), 18)

        return stopped
