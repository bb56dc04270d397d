"""What carries the calls that run: where it is, whether it answers, and what it needs."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from twicetold.config import Settings
from twicetold.data_directory import Places
from twicetold.errors import MissingExtra
from twicetold.installation import known_installation

if TYPE_CHECKING:
    from twicetold.broker import Coordination
    from twicetold.broker.kafka.broker import KafkaBroker
    from twicetold.broker.rabbitmq.broker import RabbitBroker

_PACKAGES = {  # by the scheme that needs them
    "kafka": "confluent-kafka",
    "rabbitmq": "aio-pika",
    "redis": "redis",
    "rediss": "redis",
}
_EXTRAS = {"confluent-kafka": "kafka", "aio-pika": "rabbitmq", "redis": "redis"}


def places_of(settings: Settings) -> Places:
    """Where the settings have the calls that run kept, for comparing: without who we are there.
    Raises SettingError for a URL that cannot be read."""
    return {
        "sessions": _places_of_sessions(settings.sessions),
        "broker": _places_of_broker(settings.broker),
    }


async def try_sessions(url: str, data_dir: Path) -> str | None:
    """Where the calls that run are kept, once that was tried; None in the data directory. Raises
    what opening it would."""
    if not url.startswith(("redis://", "rediss://")):
        return None
    from twicetold.sessions.redis import RedisSessions  # an extra

    store = RedisSessions(url, await asyncio.to_thread(known_installation, data_dir))
    try:
        await store.check()
    finally:
        await store.aclose()
    return store.name


async def try_broker(url: str, data_dir: Path) -> str | None:
    """Where the log is kept, once it has answered; None in the data directory. Raises what opening
    it would, and Unavailable."""
    scheme = url.partition("://")[0]
    installation = await asyncio.to_thread(known_installation, data_dir)
    if scheme == "kafka":
        return await kafka_broker(url, installation).probe()
    if scheme == "rabbitmq":
        refuse_missing_extras(broker=url)
        from twicetold.broker.rabbitmq.broker import probe

        return await probe(url, installation)
    return None


def refuse_missing_extras(*, sessions: str = "", broker: str = "") -> None:
    """Raises MissingExtra that names at once all that these settings need and is not there."""
    needs = {"sessions": sessions.partition("://")[0], "broker": broker.partition("://")[0]}
    missing = {
        f"{setting}={scheme}://": _PACKAGES[scheme]
        for setting, scheme in needs.items()
        if scheme in _PACKAGES and find_spec(_PACKAGES[scheme].replace("-", "_")) is None
    }
    if missing:
        said = [f"{setting} needs the package {package}" for setting, package in missing.items()]
        extras = ",".join(_EXTRAS[package] for package in missing.values())
        raise MissingExtra(f"{', and '.join(said)}.", f"pip install 'twicetold[{extras}]'")


def kafka_broker(url: str, installation: str) -> KafkaBroker:
    """Raises MissingExtra, or SettingError for the URL."""
    refuse_missing_extras(broker=url)
    from twicetold.broker.kafka.broker import KafkaBroker

    return KafkaBroker(url, installation)


def rabbit_broker(url: str, coordination: Coordination, installation: str) -> RabbitBroker:
    """Raises MissingExtra, or SettingError for the URL."""
    refuse_missing_extras(broker=url)
    from twicetold.broker.rabbitmq.broker import RabbitBroker

    return RabbitBroker(url, coordination, installation)


def _places_of_sessions(url: str) -> list[str]:
    if not url.startswith(("redis://", "rediss://")):
        return [_scheme_alone(url)]
    from twicetold.sessions.redis_address import parsed

    at = parsed(url)
    return [f"redis://{_host(at.host)}:{at.port}/{at.database}?prefix={at.prefix}"]


def _places_of_broker(url: str) -> list[str]:
    """Of one cluster, processes may name different hosts, as long as they have one in common."""
    from twicetold.broker.kafka.options import KafkaOptions
    from twicetold.broker.rabbitmq.options import RabbitOptions

    scheme = url.partition("://")[0]
    if scheme == "kafka":
        at, within = KafkaOptions.parse(url).url, ""
    elif scheme == "rabbitmq":
        rabbit = RabbitOptions.parse(url)
        at, within = rabbit.url, f"?vhost={rabbit.vhost}"
    else:
        return [_scheme_alone(url)]
    hosts = [host.rpartition(":") for host in at.hosts]
    return [f"{scheme}://{_host(name)}:{port}/{at.prefix}{within}" for name, _, port in hosts]


def _scheme_alone(url: str) -> str:
    """In the data directory; and what is no URL of ours may hold a password."""
    return url.partition("://")[0] + "://"


def _host(name: str) -> str:
    """One name for this machine."""
    return "localhost" if name.strip("[]") in ("127.0.0.1", "::1") else name.lower()
