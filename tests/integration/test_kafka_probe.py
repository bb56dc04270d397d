"""What ``doctor`` says of an address at which no Kafka answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

import pytest
import structlog
from confluent_kafka import KafkaException
from tests.carriers.process import free_port

from twicetold.broker.kafka import broker as module
from twicetold.broker.kafka.broker import KafkaBroker
from twicetold.errors import Unavailable

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHECK_S", 1.0)


async def _told(port: int, options: str = "") -> Unavailable:
    with pytest.raises(Unavailable) as away:
        await KafkaBroker(f"kafka://me:secret@127.0.0.1:{port}{options}").probe()
    assert away.value.message.startswith(f"kafka://127.0.0.1:{port} does not answer: ")
    assert "setting broker" in away.value.hint
    assert "secret" not in away.value.message
    return away.value


async def test_nobody_there() -> None:
    assert "Connection refused" in (await _told(free_port())).message


@pytest.mark.parametrize(
    ("options", "words"), [("", "it does not answer as Kafka does"), ("?tls=true", "SSL")]
)
async def test_something_else_there(options: str, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=_web, args=(listening,))
        serving.start()
        try:
            told = await _told(listening.getsockname()[1], options)
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            serving.join(10)
    assert words in told.message
    assert "?tls=true" in told.hint


def _web(listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:  # shut down
            return
        with connection, contextlib.suppress(OSError):
            connection.settimeout(2)
            connection.recv(10)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def test_topics_that_are_still_being_made_are_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def being_made(*_: object) -> None:
        raise KafkaException("topic t.audio is being made")

    class Silent:
        """An AdminClient that has heard of no error."""

        def __init__(self, _: object) -> None:
            pass

        def poll(self, _: float) -> None:
            pass

    monkeypatch.setattr(module, "prepare_topics", being_made)
    monkeypatch.setattr(module, "AdminClient", Silent)
    with structlog.testing.capture_logs() as logs:
        starting = asyncio.create_task(KafkaBroker("kafka://host").start())
        await asyncio.wait([starting], timeout=0.2)
        starting.cancel()
        await asyncio.wait([starting])
    assert starting.cancelled()
    assert logs[0]["error"] == "topic t.audio is being made"
