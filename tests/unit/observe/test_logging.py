"""Logs: one line of JSON each, ours and the libraries' alike, and no secrets in them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from twicetold.errors import DiskFull
from twicetold.observe.logging import configure

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("uvicorn.access", "httpx", "httpcore", "watchfiles", "websockets", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_ours_and_the_libraries_have_one_shape(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    structlog.get_logger("ours").info("call_opened", call="c-1", text="ünï")
    logging.getLogger("uvicorn.error").warning("Started %s", "it")
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["call"], ours["level"]) == ("call_opened", "c-1", "info")
    assert (theirs["event"], theirs["level"]) == ("Started it", "warning")
    assert set(theirs) == {"event", "level", "logger", "timestamp"}


def test_the_level_counts_for_both_and_a_logger_made_before_follows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    early = structlog.get_logger("early")
    configure("warning")
    early.info("hidden")
    logging.getLogger("x").info("hidden")
    early.warning("shown")
    logging.getLogger("x").warning("shown")
    assert [line["event"] for line in lines(capsys)] == ["shown", "shown"]


def test_secrets_in_addresses_and_headers_are_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    configure("debug", json=True)
    logging.getLogger("uvicorn.error").info('"WebSocket /v1/live?call_id=a&session=S3" [accepted]')
    structlog.get_logger().info("request", headers="Authorization: Bearer K3", path="/x?ticket=T3")
    logging.getLogger("websockets").debug("> Authorization: whatever")
    logging.getLogger("uvicorn.error").debug("> TEXT 'whatever'")
    logging.getLogger("uvicorn.error").info(
        "sec-websocket-protocol: twicetold.v1, twicetold.key.K4"
    )
    text = json.dumps(lines(capsys))
    for secret in ("S3", "K3", "K4", "T3", "whatever"):
        assert secret not in text
    assert "call_id=a" in text


@pytest.mark.parametrize("as_json", [True, False])
def test_of_an_exception_its_kind_and_place_are_told_and_not_its_text(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    configure("info", json=as_json)
    spoken = "my card number" + " is 4111"
    try:
        try:
            raise KeyError(spoken)
        except KeyError as error:
            raise ExceptionGroup(spoken, [ValueError(spoken), DiskFull("No room.")]) from error
    except ExceptionGroup as error:
        structlog.get_logger().exception("failed")
        structlog.get_logger().error("failed again", exc_info=error)
        logging.getLogger("x").exception("failed too")
    text = capsys.readouterr().err
    for told in ("builtins.ExceptionGroup", "caused by builtins.KeyError", "ValueError"):
        assert text.count(told) == 3
    assert text.count("DiskFull: No room.") == 3  # ours, which hold no secrets
    assert text.count("test_logging.py:") == 6
    assert "4111" not in text


def test_for_people_it_is_not_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", json=False)
    structlog.get_logger().info("call_opened", call="c-1")
    text = capsys.readouterr().err
    assert "call_opened" in text
    assert "call=c-1" in text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
