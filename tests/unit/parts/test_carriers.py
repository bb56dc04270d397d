"""Without its package, a broker says what to install; places are compared by what they are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import twicetold.broker
from twicetold.config import Settings
from twicetold.errors import MissingExtra
from twicetold.parts import places_of, refuse_missing_extras, try_broker

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("scheme", "package", "module"),
    [
        ("kafka", "confluent-kafka", "confluent_kafka"),
        ("rabbitmq", "aio-pika", "aio_pika"),
    ],
)
async def test_a_broker_whose_package_is_missing_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scheme: str, package: str, module: str
) -> None:
    for name in list(sys.modules):
        if name.startswith((f"twicetold.broker.{scheme}", module)):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(twicetold.broker, scheme, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=package) as missing:
        await try_broker(f"{scheme}://127.0.0.1:1", tmp_path)
    assert missing.value.hint == f"pip install 'twicetold[{scheme}]'"


def places(name: str, url: str) -> set[str]:
    return set(places_of(Settings(**{name: url}))[name])


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("sessions", "redis://127.0.0.1", "redis://:secret@LOCALHOST:6379/0?volatile=accepted"),
        ("sessions", "redis://[::1]/0", "redis://localhost?prefix=twicetold"),
        ("broker", "kafka://a:9092,b:9093", "kafka://user:secret@b:9093?sasl=PLAIN"),
        ("broker", "rabbitmq://127.0.0.1", "rabbitmq://localhost:5672/twicetold?partitions=3"),
        ("broker", "file://", "file://"),
    ],
)
def test_one_place_by_several_names(name: str, one: str, other: str) -> None:
    assert places(name, one) & places(name, other)
    assert "secret" not in str(places(name, other))


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("sessions", "redis://localhost", "sqlite://"),
        ("sessions", "redis://localhost/0", "redis://localhost/1"),
        ("sessions", "redis://localhost", "redis://localhost?prefix=acme"),
        ("broker", "kafka://a:9092", "kafka://a:9092/acme"),
        ("broker", "kafka://a:9092", "rabbitmq://a:9092"),
        ("broker", "rabbitmq://a", "rabbitmq://a?vhost=acme"),
    ],
)
def test_places_that_are_not_one(name: str, one: str, other: str) -> None:
    assert not places(name, one) & places(name, other)


def test_what_is_no_url_of_ours_is_not_shown() -> None:
    assert places("sessions", "valkey://:secret@host") == {"valkey://"}


def test_all_packages_that_are_missing_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_missing_extras(sessions="redis://h", broker="rabbitmq://h")  # nothing is missing
    for module in ("redis", "aio_pika"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra) as both:
        refuse_missing_extras(sessions="redis://:secret@h", broker="rabbitmq://me:secret@h")
    assert both.value.message == (
        "sessions=redis:// needs the package redis, and broker=rabbitmq:// needs the package "
        "aio-pika."
    )
    assert both.value.hint == "pip install 'twicetold[redis,rabbitmq]'"
    with pytest.raises(MissingExtra) as one:
        refuse_missing_extras(sessions="rediss://h", broker="kafka://h")
    assert one.value.hint == "pip install 'twicetold[redis]'"
    refuse_missing_extras(sessions="sqlite://", broker="file://")
