"""How what goes on until a signal ends it says its last words."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer

from twicetold.cli import process
from twicetold.cli.process import last_words_logged
from twicetold.errors import SettingError

pytestmark = pytest.mark.unit


@last_words_logged
def _ending(error: Exception) -> None:
    raise error


def _ended(error: Exception, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    with pytest.raises(typer.Exit) as ended:
        _ending(error)
    assert ended.value.exit_code == 1
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    said: dict[str, Any] = json.loads(line)
    assert said["level"] == "critical"
    return said


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_error_is_one_json_line(capsys: pytest.CaptureFixture[str], wrapped: bool) -> None:
    error: Exception = SettingError("port got\n 'x'.", "It takes\n a number.")
    said = _ended(ExceptionGroup("a task group's", [error]) if wrapped else error, capsys)
    assert (said["event"], said["code"]) == ("ended", "bad_setting")
    assert (said["reason"], said["hint"]) == ("port got 'x'.", "It takes a number.")


def test_an_error_of_the_system_has_a_code_too(capsys: pytest.CaptureFixture[str]) -> None:
    said = _ended(PermissionError(13, "Permission denied", "/x"), capsys)
    assert (said["code"], said["reason"]) == ("os_error", "Permission denied: /x.")


def test_a_mistake_of_ours_says_where_and_not_what(capsys: pytest.CaptureFixture[str]) -> None:
    said = _ended(KeyError("what somebody said"), capsys)
    assert said["event"] == "ended_by_a_mistake_of_ours"
    assert "KeyError" in said["exception"]
    assert "test_process.py" in said["exception"]
    assert "somebody" not in said["exception"]


def test_at_a_terminal_it_is_left_to_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_at_a_terminal", lambda: True)
    with pytest.raises(SettingError):
        _ending(SettingError("Wrong."))
