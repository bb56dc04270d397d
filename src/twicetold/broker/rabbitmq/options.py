"""What a ``rabbitmq://`` URL asks for: where it is, who we are there, the streams and their names.

A log is, for each topic, ``partitions`` streams ``{prefix}.{topic}.{number}``, and one more,
``{prefix}.log``, that says how many there are.
"""

from __future__ import annotations

import shlex
import ssl
from dataclasses import dataclass
from typing import Any

from twicetold.broker import Topic
from twicetold.broker.urls import BrokerUrl, parse_broker_url
from twicetold.errors import SettingError

_OPTIONS = frozenset({"partitions", "retention_h", "tls", "ca", "vhost"})
_CAPTIONS_KEPT = "10m"
_HEARTBEAT_S = 5
# A stream lets go of whole segments only, once all in them is too old: so small that a segment of
# a busy partition fills in minutes, so large that a day of it is no more than some thousand files.
_SEGMENT_BYTES = {
    Topic.AUDIO: 64 * 1024 * 1024,
    Topic.FINALS: 4 * 1024 * 1024,
    Topic.CAPTIONS: 1024 * 1024,
}


@dataclass(frozen=True, slots=True)
class RabbitOptions:
    """A parsed URL: ``rabbitmq://[user:password@]host:port[,…][/prefix][?partitions=…]``."""

    url: BrokerUrl
    partitions: int
    retention_h: int
    tls: ssl.SSLContext | None
    installation: str | None = None  # whose log it is to be; None: whose ever it is

    @classmethod
    def parse(cls, url: str, installation: str | None = None) -> RabbitOptions:
        """Raises SettingError."""
        parsed = _parsed(url, 5672)
        tls = _tls(parsed)
        return cls(
            parsed if tls is None else _parsed(url, 5671),
            parsed.whole("partitions", 12, 1, 256),
            parsed.whole("retention_h", 24, 1, 24 * 90),
            tls,
            installation,
        )

    @property
    def vhost(self) -> str:
        return self.url.options.get("vhost", "/")

    @property
    def quoted_vhost(self) -> str:
        """For a command that is shown."""
        return shlex.quote(self.vhost)

    @property
    def mark(self) -> str:
        """The stream that says which log this is."""
        return f"{self.url.prefix}.log"

    def streams(self, topic: Topic) -> list[str]:
        return [f"{self.url.prefix}.{topic}.{number}" for number in range(self.partitions)]

    def arguments(self, topic: Topic) -> dict[str, Any]:
        """Of each of a topic's streams. Captions are of the moment; what is to be read again stays
        for as long as was asked."""
        kept = _CAPTIONS_KEPT if topic is Topic.CAPTIONS else f"{self.retention_h}h"
        return {
            "x-queue-type": "stream",
            "x-max-age": kept,
            "x-stream-max-segment-size-bytes": _SEGMENT_BYTES[topic],
        }

    def connection(self, host: str, purpose: str) -> dict[str, Any]:
        """What ``aio_pika.connect`` takes. ``host`` is host:port."""
        name, _, port = host.rpartition(":")
        return {
            "host": name.strip("[]"),
            "port": int(port),
            "login": self.url.user or "guest",
            "password": self.url.password if self.url.user else "guest",
            "virtualhost": self.vhost,
            "ssl": self.tls is not None,
            "ssl_context": self.tls,
            "heartbeat": _HEARTBEAT_S,
            "name": f"twicetold {purpose}",
        }


def _parsed(url: str, default_port: int) -> BrokerUrl:
    return parse_broker_url(
        url, default_port=default_port, default_prefix="twicetold", options=_OPTIONS
    )


def _tls(url: BrokerUrl) -> ssl.SSLContext | None:
    wanted, ca = url.options.get("tls", "false"), url.options.get("ca")
    if wanted not in ("true", "false"):
        raise SettingError("broker's option tls takes true or false.")
    if wanted == "false":
        return None
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise SettingError(f"broker's option ca names no certificates: {error.strerror}.") from None
