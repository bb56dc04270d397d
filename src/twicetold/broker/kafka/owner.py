"""Whose log it is: two installations on one log would take each other's calls. Blocks: for threads.

The topic ``{prefix}.log`` has one partition that forgets nothing, and in it one message that
counts, its first: several processes may write it at once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from twicetold.broker.kafka.options import KafkaOptions
from twicetold.broker.kafka.topics import create, replicas_in
from twicetold.broker.shared import taken
from twicetold.errors import SettingError

_log = structlog.get_logger()

_VERSION = 1
_ASK_S = 4.0

Note = Callable[[Any], None]


def claim_log(admin: AdminClient, options: KafkaOptions, note: Note) -> None:
    """Have the log belong to ``options.installation``, which is not None, where it is nobody's.

    Raises SettingError where it is another's, and KafkaException where Kafka does not answer.
    """
    cluster = admin.list_topics(timeout=_ASK_S)
    if options.mark not in cluster.topics:
        _make(admin, options, replicas_in(cluster))
    owner = _owner(options, note)
    if owner is None:
        _write(options, note)
        owner = _owner(options, note)
        if owner is None:
            raise KafkaException(f"topic {options.mark} does not show yet what was written")
        if owner == options.installation:
            _log.info("kafka_log_taken", topic=options.mark)
    _check(options, owner)


def inspect_owner(admin: AdminClient, options: KafkaOptions, note: Note) -> None:
    """Look whose it is, and take nothing. Raises as ``claim_log`` does."""
    if options.mark in admin.list_topics(timeout=_ASK_S).topics:
        _check(options, _owner(options, note))


def _check(options: KafkaOptions, owner: str | None) -> None:
    if owner is not None and owner != options.installation:
        remedy = f"kafka-topics.sh --bootstrap-server {options.url.hosts[0]} --delete --topic"
        log = f"{options.url.prefix} in {options.url.shown}"
        raise taken(log, owner, options.installation or "", f"{remedy} {options.mark}")


def _make(admin: AdminClient, options: KafkaOptions, replicas: int) -> None:
    forgets_nothing = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
    new = NewTopic(
        options.mark, num_partitions=1, replication_factor=replicas, config=forgets_nothing
    )
    create(admin, [new])


def _owner(options: KafkaOptions, note: Note) -> str | None:
    """The installation that the first message names; None where there is no message yet."""
    client = Consumer(options.listener(note))
    try:
        place = TopicPartition(options.mark, 0, OFFSET_BEGINNING)
        watermarks = client.get_watermark_offsets(place, timeout=_ASK_S)
        if watermarks is None:
            raise KafkaException(f"topic {options.mark} does not answer")
        low, high = watermarks
        if low == high:
            return None
        client.assign([place])
        return _read(options, _first(client, options))
    finally:
        client.close()


def _first(client: Consumer, options: KafkaOptions) -> bytes:
    deadline = time.monotonic() + _ASK_S
    while (left_s := deadline - time.monotonic()) > 0:
        message = client.poll(left_s)
        if message is not None and (error := message.error()) is not None:
            raise KafkaException(error)
        if message is not None:
            return message.value() or b""
    raise KafkaException(f"topic {options.mark} does not answer")


def _read(options: KafkaOptions, body: bytes) -> str:
    try:
        found = json.loads(body)
        if found["version"] == _VERSION and isinstance(found["installation"], str):
            return str(found["installation"])
    except (ValueError, TypeError, KeyError):
        pass
    raise SettingError(
        f"Topic {options.mark} is not ours, or was made by another version of Twicetold.",
        "Name another prefix behind the hosts in the broker's URL.",
    )


def _write(options: KafkaOptions, note: Note) -> None:
    body = json.dumps({"version": _VERSION, "installation": options.installation}).encode()
    failed: list[Any] = []

    def told(error: Any, _message: object) -> None:
        if error is not None:
            failed.append(error)

    timeout_ms = int(_ASK_S * 1000)
    producer = Producer({**options.producer(note), "message.timeout.ms": timeout_ms})
    producer.produce(options.mark, body, partition=0, on_delivery=told)
    if producer.flush(2 * _ASK_S) or failed:
        raise KafkaException(failed[0] if failed else f"topic {options.mark} does not answer")
