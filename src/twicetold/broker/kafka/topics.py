"""The topics: made where they are missing, else looked at. Blocks: for threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import TypeVar

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ClusterMetadata,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from twicetold.broker import Topic
from twicetold.broker.kafka.options import KafkaOptions
from twicetold.errors import SettingError

_log = structlog.get_logger()

T = TypeVar("T")

_TIMEOUT_S = 10.0
_ASK_S = 4.0
_REPLICAS = 3
_SEGMENT_MS = 3_600_000  # retention lets go of whole segments only


def prepare_topics(admin: AdminClient, options: KafkaOptions) -> None:
    """Raises KafkaException where the broker does not answer, and SettingError, with the command
    that mends it, for a topic that is not as it must be."""
    cluster = admin.list_topics(timeout=_ASK_S)
    missing = [topic for topic in Topic if options.topic(topic) not in cluster.topics]
    if missing:
        _create(admin, options, missing, replicas_in(cluster))
        cluster = admin.list_topics(timeout=_ASK_S)
        if gone := [topic for topic in missing if options.topic(topic) not in cluster.topics]:
            raise KafkaException(f"topic {options.topic(gone[0])} is being made")
    _look_at(admin, options, cluster, list(Topic))


def inspect_topics(admin: AdminClient, options: KafkaOptions) -> None:
    """Look at what is there, and make nothing. Raises as ``prepare_topics`` does."""
    cluster = admin.list_topics(timeout=_ASK_S)
    there = [topic for topic in Topic if options.topic(topic) in cluster.topics]
    if there:
        _look_at(admin, options, cluster, there)


def create(admin: AdminClient, new: list[NewTopic]) -> list[str]:
    """Make topics; those that were there already are not among the names that are given back.
    Raises KafkaException."""
    made = []
    asked = admin.create_topics(new, operation_timeout=_TIMEOUT_S, request_timeout=_TIMEOUT_S)
    for name, future in asked.items():
        try:
            _answer(future)
            made.append(name)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":  # another process was quicker
                raise
    return made


def replicas_in(cluster: ClusterMetadata) -> int:
    """How many copies a topic is to have there."""
    return min(_REPLICAS, len(cluster.brokers))


def _look_at(
    admin: AdminClient, options: KafkaOptions, cluster: ClusterMetadata, topics: list[Topic]
) -> None:
    replicas = replicas_in(cluster)
    for topic in topics:
        name = options.topic(topic)
        partitions = cluster.topics[name].partitions
        _check_partitions(name, len(partitions), options)
        replicas = min(replicas, *(len(each.replicas) for each in partitions.values()))
    two_in_sync = _check_settings(admin, options, topics)
    if replicas < _REPLICAS or not two_in_sync:
        _log.warning(
            "kafka_few_replicas",
            replicas=replicas,
            min_insync_replicas=2 if two_in_sync else 1,
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
                "message.timestamp.type": "LogAppendTime",
                "retention.bytes": "-1",
                "retention.ms": str(options.retention_ms(topic)),
                "segment.ms": str(min(_SEGMENT_MS, options.retention_ms(topic))),
                "min.insync.replicas": "2" if replicas >= _REPLICAS else "1",
                "max.message.bytes": str(4 * 1024 * 1024),
            },
        )
        for topic in topics
    ]
    for name in create(admin, new):
        _log.info("kafka_topic_made", topic=name, partitions=options.partitions)


def _answer(future: Future[T]) -> T:
    """Raises KafkaException, also where there is none in time."""
    try:
        return future.result(2 * _TIMEOUT_S)  # librdkafka's own limit is to come first
    except TimeoutError:
        raise KafkaException("Kafka does not answer in time") from None


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


def _check_settings(admin: AdminClient, options: KafkaOptions, topics: list[Topic]) -> bool:
    """Whether what is acknowledged lies with two replicas, as far as the settings ask for it."""
    asked = {ConfigResource(ResourceType.TOPIC, options.topic(topic)): topic for topic in topics}
    in_sync = 2
    told = admin.describe_configs(list(asked), request_timeout=_TIMEOUT_S)
    for resource, future in told.items():
        settings = {name: each.value for name, each in _answer(future).items()}
        topic = next(t for r, t in asked.items() if r.name == resource.name)
        if wrong := list(_wrong(settings, topic, options)):
            _refuse(options, resource.name, wrong)
        if topic is not Topic.CAPTIONS:
            in_sync = min(in_sync, int(settings["min.insync.replicas"]))
    return in_sync >= 2


def _wrong(
    settings: Mapping[str, str], topic: Topic, options: KafkaOptions
) -> Iterator[tuple[str, str]]:
    """What is not as it must be, and the setting that mends it."""
    if settings["cleanup.policy"] != "delete":
        yield "is compacted: it forgets all but the last message of a call", "cleanup.policy=delete"
    if settings["message.timestamp.type"] != "LogAppendTime":
        # By the clocks of those who write, wrong ones would be refused, or their audio forgotten.
        what = "takes the time from those who write, whose clocks may be wrong"
        yield what, "message.timestamp.type=LogAppendTime"
    if topic is Topic.CAPTIONS:
        return
    kept_ms, wanted_ms = int(settings["retention.ms"]), options.retention_ms(topic)
    if 0 <= kept_ms < wanted_ms:
        what = f"keeps messages for {kept_ms / 3_600_000:.1f} h, not {options.retention_h}"
        yield what, f"retention.ms={wanted_ms}"
    if (kept_bytes := int(settings["retention.bytes"])) >= 0:
        what = f"keeps {kept_bytes} bytes of a partition, however young they are"
        yield what, "retention.bytes=-1"


def _refuse(options: KafkaOptions, name: str, wrong: list[tuple[str, str]]) -> None:
    raise SettingError(
        f"Topic {name} {', and '.join(what for what, _ in wrong)}.",
        f"Run: kafka-configs.sh --bootstrap-server {options.url.hosts[0]} --alter"
        f" --entity-type topics --entity-name {name}"
        f" --add-config {','.join(setting for _, setting in wrong)}",
    )
