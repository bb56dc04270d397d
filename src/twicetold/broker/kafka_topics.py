"""The topics: made where they are missing, else looked at. Blocks: for threads."""

from __future__ import annotations

from typing import Any

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from twicetold.broker import Topic
from twicetold.broker.kafka_options import KafkaOptions
from twicetold.errors import SettingError

_log = structlog.get_logger()

_TIMEOUT_S = 10.0
_ASK_S = 4.0
_REPLICAS = 3
_SEGMENT_MS = 3_600_000  # retention lets go of whole segments only


def prepare_topics(admin: AdminClient, options: KafkaOptions) -> None:
    """Raises KafkaException where the broker does not answer, and SettingError, with the command
    that mends it, for a topic that is not as it must be."""
    cluster = admin.list_topics(timeout=_ASK_S)
    replicas = min(_REPLICAS, len(cluster.brokers))
    missing = [topic for topic in Topic if options.topic(topic) not in cluster.topics]
    if missing:
        _create(admin, options, missing, replicas)
        cluster = admin.list_topics(timeout=_ASK_S)
    for topic in Topic:
        name = options.topic(topic)
        found = cluster.topics.get(name)
        if found is None:
            raise KafkaException(f"topic {name} is being made")
        _check_partitions(name, len(found.partitions), options)
        replicas = min(replicas, *(len(each.replicas) for each in found.partitions.values()))
    _check_settings(admin, options)
    if replicas < _REPLICAS:
        _log.warning(
            "kafka_few_replicas",
            replicas=replicas,
            meaning="a process may die, but what lies on a lost disk or machine of Kafka is lost",
        )


def _create(admin: AdminClient, options: KafkaOptions, topics: list[Topic], replicas: int) -> None:
    new = [
        NewTopic(
            options.topic(topic),
            num_partitions=options.partitions,
            replication_factor=replicas,
            config={
                "cleanup.policy": "delete",
                "retention.ms": str(options.retention_ms(topic)),
                "segment.ms": str(min(_SEGMENT_MS, options.retention_ms(topic))),
                "min.insync.replicas": "2" if replicas >= _REPLICAS else "1",
                "max.message.bytes": str(4 * 1024 * 1024),
            },
        )
        for topic in topics
    ]
    for name, future in admin.create_topics(new, operation_timeout=_TIMEOUT_S).items():
        try:
            future.result(_TIMEOUT_S)
            _log.info("kafka_topic_made", topic=name, partitions=options.partitions)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":  # another process was quicker
                raise


def _check_partitions(name: str, found: int, options: KafkaOptions) -> None:
    wanted = options.partitions
    if found == wanted:
        return
    hint = f"Say ?partitions={found} in the broker's URL, in every process"
    if found < wanted:
        hint += (
            "; or stop them all and run: kafka-topics.sh --bootstrap-server"
            f" {options.url.hosts[0]} --alter --topic {name} --partitions {wanted}"
        )
    raise SettingError(f"Topic {name} has {found} partitions and not {wanted}.", f"{hint}.")


def _check_settings(admin: AdminClient, options: KafkaOptions) -> None:
    asked = {
        ConfigResource(ResourceType.TOPIC, options.topic(topic)): topic
        for topic in (Topic.AUDIO, Topic.FINALS)
    }
    for resource, future in admin.describe_configs(list(asked)).items():
        settings: dict[str, Any] = future.result(_TIMEOUT_S)
        topic = next(t for r, t in asked.items() if r.name == resource.name)
        if settings["cleanup.policy"].value != "delete":
            what = "is compacted: it forgets audio"
            _refuse(options, resource.name, what, "cleanup.policy=delete")
        kept_ms, wanted_ms = int(settings["retention.ms"].value), options.retention_ms(topic)
        if 0 <= kept_ms < wanted_ms:
            what = f"keeps messages for {kept_ms / 3_600_000:.1f} h, not {options.retention_h}"
            _refuse(options, resource.name, what, f"retention.ms={wanted_ms}")


def _refuse(options: KafkaOptions, name: str, what: str, setting: str) -> None:
    raise SettingError(
        f"Topic {name} {what}.",
        f"Run: kafka-configs.sh --bootstrap-server {options.url.hosts[0]} --alter"
        f" --entity-type topics --entity-name {name} --add-config {setting}",
    )
