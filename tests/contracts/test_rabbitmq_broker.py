"""The broker's contract over RabbitMQ, on a real server, with partitions shared out through the
embedded session store."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.carriers.rabbitmq_server import RabbitServer, needs_rabbitmq
from tests.contracts.broker_contract import OpenBroker, Outage, SharedPartitions

from twicetold.broker.rabbitmq.broker import RabbitBroker
from twicetold.sessions.sqlite import SqliteSessions

pytestmark = [pytest.mark.contracts, needs_rabbitmq()]


class TestRabbitBroker(SharedPartitions):
    partitions = 4

    @pytest.fixture
    async def open_broker(
        self, rabbitmq: RabbitServer, tmp_path: Path
    ) -> AsyncIterator[OpenBroker]:
        url = f"{rabbitmq.url}/t-{uuid.uuid4().hex[:12]}?partitions={self.partitions}"
        sessions = SqliteSessions(tmp_path / "sessions.db")
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(sessions.aclose)

            async def open_one() -> RabbitBroker:
                broker = RabbitBroker(url, sessions.coordination)
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
