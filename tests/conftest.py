"""Real servers for tests, started when the first test asks: one of each for every worker of a
run. Tests share them, with topics and queues of their own names, and leave them running; who
kills a server starts one for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.carriers.kafka_server import KafkaServer
    from tests.carriers.rabbitmq_server import RabbitServer
    from tests.carriers.redis_server import RedisServer


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    from tests.carriers.kafka_server import KafkaServer

    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    from tests.carriers.rabbitmq_server import RabbitServer

    with RabbitServer(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    from tests.carriers.redis_server import RedisServer

    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server
