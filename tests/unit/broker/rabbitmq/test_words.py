"""What is said of a connection to RabbitMQ that did not come about. The errors are aiormq's."""

from __future__ import annotations

import pytest
from aio_pika.exceptions import AMQPConnectionError, IncompatibleProtocolError, InvalidFrameError

from twicetold.broker.rabbitmq.options import RabbitOptions
from twicetold.broker.rabbitmq.words import not_connected

pytestmark = pytest.mark.unit

PLAIN = RabbitOptions.parse("rabbitmq://me:secret@host/calls?vhost=our%20calls")
TLS = RabbitOptions.parse("rabbitmq://host?tls=true")


def test_a_vhost_that_is_refused_has_the_lines_that_make_it() -> None:
    error = InvalidFrameError("Expected one of ['Connection.OpenOk'], got <Connection.Close ...>")
    words = not_connected(error, PLAIN)
    assert words is not None
    assert "user me" in words.why
    assert "vhost our calls" in words.why
    assert "rabbitmqctl add_vhost 'our calls'" in words.hint
    assert (
        r"rabbitmqctl set_permissions -p 'our calls' me '^calls\.' '^calls\.|^amq\.default$' "
        r"'^calls\.'"
    ) in words.hint
    assert "secret" not in words.why + words.hint


@pytest.mark.parametrize(
    ("error", "options", "why", "hint"),
    [
        (
            AMQPConnectionError("unexpectedly closed. Read 0 bytes but 1 bytes expected"),
            PLAIN,
            "it closes the connection",
            "?tls=true is missing",
        ),
        (
            AMQPConnectionError("Server connection reset: ConnectionResetError(104, 'reset')"),
            TLS,
            "it closes the connection",
            "without tls=true",
        ),
        (AMQPConnectionError(), TLS, "it closes the connection", "without tls=true"),
        (
            AMQPConnectionError("unexpectedly closed. Read 40 bytes but 1345270063 bytes expected"),
            PLAIN,
            "it does not answer as RabbitMQ does",
            "5672",
        ),
        (IncompatibleProtocolError(), PLAIN, "it does not answer as RabbitMQ does", "5672"),
        (InvalidFrameError("no frame"), PLAIN, "it does not answer as RabbitMQ does", "5672"),
        (
            AMQPConnectionError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
            TLS,
            "it does not answer in TLS",
            "tls=true",
        ),
        (
            AMQPConnectionError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"),
            TLS,
            "its certificate is not trusted here",
            "?ca=FILE",
        ),
        (
            AMQPConnectionError(111, "Connect call failed ('127.0.0.1', 1)"),
            PLAIN,
            "connection refused",
            "Is RabbitMQ running there?",
        ),
        (TimeoutError(), PLAIN, "it does not answer in time", "Is RabbitMQ running there?"),
    ],
)
def test_what_the_other_side_did(
    error: Exception, options: RabbitOptions, why: str, hint: str
) -> None:
    words = not_connected(error, options)
    assert words is not None
    assert words.why == why
    assert hint in words.hint


def test_words_of_its_own_are_left_to_it() -> None:
    assert not_connected(AMQPConnectionError(-2, "Name or service not known"), PLAIN) is None
