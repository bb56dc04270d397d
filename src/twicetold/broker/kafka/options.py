"""What a ``kafka://`` URL asks for, and librdkafka's settings that follow from it.

Names and defaults of the settings: librdkafka's CONFIGURATION.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twicetold.broker import Group, Topic
from twicetold.broker.urls import BrokerUrl, parse_broker_url
from twicetold.errors import SettingError

_OPTIONS = frozenset({"partitions", "retention_h", "tls", "sasl", "ca"})
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_SESSION_TIMEOUT_MS = 6_000
_HEARTBEAT_MS = 1_000
_CAPTIONS_KEPT_MS = 10 * 60 * 1000
_MESSAGE_BYTES = 4 * 1024 * 1024
_PENDING_KB = 64 * 1024  # waiting in the producer; beyond it publishing says Overloaded
_FETCHED_KB = 8 * 1024  # waiting in a consumer, before ours


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """A parsed URL: ``kafka://[user:password@]host:port[,…][/prefix][?partitions=…]``."""

    url: BrokerUrl
    partitions: int
    retention_h: int
    installation: str | None = None  # whose log it is to be; None: whose ever it is

    @classmethod
    def parse(cls, url: str, installation: str | None = None) -> KafkaOptions:
        """Raises SettingError."""
        parsed = parse_broker_url(
            url, default_port=9092, default_prefix="twicetold", options=_OPTIONS
        )
        options = cls(
            parsed,
            parsed.whole("partitions", 12, 1, 1_000),
            parsed.whole("retention_h", 24, 1, 24 * 90),
            installation,
        )
        options._security()
        return options

    @property
    def mark(self) -> str:
        """The topic that says whose log this is."""
        return f"{self.url.prefix}.log"

    def topic(self, topic: Topic) -> str:
        return f"{self.url.prefix}.{topic}"

    def retention_ms(self, topic: Topic) -> int:
        """Captions are of the moment; what is to be read again stays for as long as was asked."""
        return _CAPTIONS_KEPT_MS if topic is Topic.CAPTIONS else self.retention_h * 3_600_000

    def client(self, on_error: Callable[[Any], None]) -> dict[str, Any]:
        """What every client is told."""
        return {
            "bootstrap.servers": ",".join(self.url.hosts),
            "client.id": "twicetold",
            "error_cb": on_error,
            "logger": logging.getLogger("twicetold.librdkafka"),
            "log_level": 2,  # what matters comes through error_cb
            "reconnect.backoff.ms": 100,
            "reconnect.backoff.max.ms": 2_000,
            "topic.metadata.refresh.interval.ms": 60_000,
            **self._security(),
        }

    def producer(self, on_error: Callable[[Any], None]) -> dict[str, Any]:
        return {
            **self.client(on_error),
            "acks": "all",
            "enable.idempotence": True,
            # With 2: p50 3 ms instead of 6, but p99 26 instead of 10, and a fifth more CPU.
            "linger.ms": 5,
            "message.timeout.ms": 0,  # it waits for as long as the broker is away
            "message.max.bytes": _MESSAGE_BYTES,
            "queue.buffering.max.kbytes": _PENDING_KB,
            "retry.backoff.ms": 50,
        }

    def consumer(self, on_error: Callable[[Any], None]) -> dict[str, Any]:
        return {
            **self.client(on_error),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "allow.auto.create.topics": False,
            "fetch.wait.max.ms": 50,
            "fetch.error.backoff.ms": 50,
            "fetch.queue.backoff.ms": 20,
            "queued.min.messages": 1_000,
            "queued.max.messages.kbytes": _FETCHED_KB,
            "fetch.max.bytes": _FETCHED_KB * 1024,
            "max.partition.fetch.bytes": 1024 * 1024,
            "receive.message.max.bytes": 64 * 1024 * 1024,
        }

    def member(self, topic: Topic, group: Group, on_error: Callable[[Any], None]) -> dict[str, Any]:
        """No static membership: a static member does not say that it leaves."""
        return {
            **self.consumer(on_error),
            "group.id": f"{self.url.prefix}.{group}.{topic}",
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": _SESSION_TIMEOUT_MS,
            "heartbeat.interval.ms": _HEARTBEAT_MS,
            "max.poll.interval.ms": 60_000,
        }

    def listener(self, on_error: Callable[[Any], None]) -> dict[str, Any]:
        return {
            **self.consumer(on_error),
            "group.id": f"{self.url.prefix}.listeners",  # never joined; librdkafka wants a name
            "auto.offset.reset": "latest",
        }

    def _security(self) -> dict[str, Any]:
        url, options = self.url, self.url.options
        tls = options.get("tls", "false")
        if tls not in ("true", "false"):
            raise SettingError("broker's option tls takes true or false.")
        found: dict[str, Any] = {}
        if "ca" in options:
            found["ssl.ca.location"] = options["ca"]
        if url.user:
            mechanism = options.get("sasl", "PLAIN")
            if mechanism not in _MECHANISMS:
                raise SettingError(f"broker's option sasl takes {', '.join(_MECHANISMS)}.")
            found["sasl.mechanism"] = mechanism
            found["sasl.username"], found["sasl.password"] = url.user, url.password
            found["security.protocol"] = "sasl_ssl" if tls == "true" else "sasl_plaintext"
        elif tls == "true":
            found["security.protocol"] = "ssl"
        return found
