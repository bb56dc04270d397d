from __future__ import annotations

from pathlib import Path

import aio_pika.connection
import pytest

from twicetold.broker import Topic
from twicetold.broker.rabbitmq.options import RabbitOptions
from twicetold.errors import SettingError

pytestmark = pytest.mark.unit


def test_what_is_not_said_has_a_default() -> None:
    options = RabbitOptions.parse("rabbitmq://host")
    assert options.url.hosts == ("host:5672",)
    assert (options.partitions, options.retention_h, options.vhost) == (12, 24, "/")
    assert options.mark == "twicetold.log"
    assert options.streams(Topic.AUDIO)[11] == "twicetold.audio.11"
    settings = options.connection("host:5672", "test")
    assert (settings["login"], settings["password"], settings["ssl"]) == ("guest", "guest", False)


def test_a_url_says_where_and_who_and_what() -> None:
    options = RabbitOptions.parse(
        "rabbitmq://ann:p%40ss@one:1,[::1]:2/calls?partitions=3&retention_h=6&vhost=%2Flive"
    )
    assert options.streams(Topic.FINALS) == [f"calls.finals.{number}" for number in range(3)]
    assert options.arguments(Topic.AUDIO)["x-max-age"] == "6h"
    settings = options.connection(options.url.hosts[1], "test")
    assert (settings["host"], settings["port"]) == ("::1", 2)
    assert (settings["login"], settings["password"]) == ("ann", "p@ss")
    assert settings["virtualhost"] == "/live"
    assert "p@ss" not in options.url.shown


def test_what_is_asked_for_reaches_the_client() -> None:
    """As aio-pika makes a URL of it."""
    options = RabbitOptions.parse("rabbitmq://ann:a%2Fb%3Ac%40d@[::1]/calls?vhost=live")
    settings = options.connection(options.url.hosts[0], "test one")
    url = aio_pika.connection.make_url(
        **{name: each for name, each in settings.items() if name != "ssl_context"}
    )
    assert (url.scheme, url.host, url.port) == ("amqp", "::1", 5672)
    assert (url.user, url.password, url.path) == ("ann", "a/b:c@d", "/live")
    assert url.query == {"heartbeat": "5", "name": "twicetold test one"}


def test_captions_are_kept_for_minutes_and_all_segments_fill_in_time() -> None:
    options = RabbitOptions.parse("rabbitmq://host?retention_h=48")
    assert options.arguments(Topic.CAPTIONS)["x-max-age"] == "10m"
    assert options.arguments(Topic.FINALS)["x-max-age"] == "48h"
    for topic in Topic:
        arguments = options.arguments(topic)
        assert arguments["x-queue-type"] == "stream"
        assert arguments["x-stream-max-segment-size-bytes"] < 500_000_000  # RabbitMQ's default


def test_tls_has_its_own_port_and_certificates(tmp_path: Path) -> None:
    options = RabbitOptions.parse("rabbitmq://host?tls=true")
    assert options.url.hosts == ("host:5671",)
    settings = options.connection("host:5671", "test")
    assert settings["ssl"]
    assert settings["ssl_context"] is options.tls is not None
    assert RabbitOptions.parse("rabbitmq://host:7?tls=true").url.hosts == ("host:7",)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("rabbitmq://host?partitions=0", "partitions"),
        ("rabbitmq://host?partitions=257", "partitions"),
        ("rabbitmq://host?retention_h=day", "retention_h"),
        ("rabbitmq://host?tls=yes", "tls"),
        ("rabbitmq://host?tls=true&ca=/no/such/file", "ca names no certificates"),
        ("rabbitmq://host?colour=blue", "no option colour"),
        ("rabbitmq://host/a/b", "prefix"),
        ("rabbitmq://ann:sesame@:5672", "address"),
    ],
)
def test_what_cannot_be_is_refused_without_the_password(url: str, complaint: str) -> None:
    with pytest.raises(SettingError) as raised:
        RabbitOptions.parse(url)
    assert complaint in raised.value.message
    assert "sesame" not in raised.value.message
