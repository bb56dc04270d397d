from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource

from twicetold.broker import Topic
from twicetold.broker.kafka import topics
from twicetold.broker.kafka.options import KafkaOptions
from twicetold.broker.kafka.topics import prepare_topics

pytestmark = pytest.mark.unit

OPTIONS = KafkaOptions.parse("kafka://host/t?partitions=2")


class FakeAdmin:
    """A cluster of three whose topics are there already."""

    def __init__(self, in_sync: dict[Topic, int], replicas: int = 3) -> None:
        self._in_sync = {OPTIONS.topic(topic): count for topic, count in in_sync.items()}
        self._replicas = replicas

    def list_topics(self, timeout: float) -> Any:
        assert timeout > 0
        partitions = {n: SimpleNamespace(replicas=[*range(self._replicas)]) for n in range(2)}
        topic = SimpleNamespace(partitions=partitions)
        topics = {OPTIONS.topic(each): topic for each in Topic}
        return SimpleNamespace(brokers={1: None, 2: None, 3: None}, topics=topics)

    def describe_configs(
        self, resources: list[ConfigResource], request_timeout: float
    ) -> dict[ConfigResource, Any]:
        assert request_timeout > 0
        return {each: self._settings(each.name) for each in resources}

    def _settings(self, name: str) -> Future[dict[str, Any]]:
        values = {
            "cleanup.policy": "delete",
            "message.timestamp.type": "LogAppendTime",
            "retention.ms": "86400000",
            "retention.bytes": "-1",
            "min.insync.replicas": str(self._in_sync.get(name, 2)),
        }
        future: Future[dict[str, Any]] = Future()
        future.set_result({key: SimpleNamespace(value=value) for key, value in values.items()})
        return future


def told(admin: FakeAdmin) -> list[dict[str, Any]]:
    with structlog.testing.capture_logs() as logs:
        prepare_topics(cast(AdminClient, admin), OPTIONS)
    return [dict(line) for line in logs]


def test_three_replicas_of_which_two_are_in_sync_are_enough() -> None:
    assert told(FakeAdmin({})) == []
    assert told(FakeAdmin({Topic.CAPTIONS: 1})) == []  # they are of the moment


@pytest.mark.parametrize("topic", [Topic.AUDIO, Topic.FINALS])
def test_three_replicas_of_which_one_is_enough_to_acknowledge_are_told(topic: Topic) -> None:
    (line,) = told(FakeAdmin({topic: 1}))
    assert line["event"] == "kafka_few_replicas"
    assert (line["replicas"], line["min_insync_replicas"]) == (3, 1)
    assert "lost" in line["meaning"]


def test_two_replicas_are_told() -> None:
    (line,) = told(FakeAdmin({}, replicas=2))
    assert (line["replicas"], line["min_insync_replicas"]) == (2, 2)


def test_a_cluster_that_falls_silent_is_away_and_nothing_worse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever starts waits for it."""

    class Silent(FakeAdmin):
        def _settings(self, name: str) -> Future[dict[str, Any]]:
            return Future()

    monkeypatch.setattr(topics, "_TIMEOUT_S", 0.01)
    with pytest.raises(KafkaException, match="in time"):
        prepare_topics(cast(AdminClient, Silent({})), OPTIONS)
