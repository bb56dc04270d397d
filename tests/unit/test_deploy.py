"""What lies in deploy/ runs commands that there are, with options that they take."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from twicetold.cli.main import app
from twicetold.config import Settings

pytestmark = pytest.mark.unit

UNITS = sorted((Path(__file__).resolve().parents[2] / "deploy" / "systemd").glob("*.service"))


def unit(path: Path) -> configparser.SectionProxy:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]  # systemd cares for case
    parsed.read(path)
    return parsed["Service"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_command_that_takes_its_options(path: Path) -> None:
    program, *arguments = shlex.split(unit(path)["ExecStart"].replace("%i", "8301"))
    assert program.endswith("/twicetold")
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):  # a group
        command = command.commands[arguments.pop(0)]
    context = command.make_context(path.name, arguments)
    assert str(context.params["config"]) == "/etc/twicetold.toml"
    assert context.params["port"] == (8301 if "@" in path.name else None)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_gives_its_process_time_to_hand_over(path: Path) -> None:
    assert float(unit(path)["TimeoutStopSec"]) > Settings().drain_s
    assert unit(path)["KillMode"] == "mixed"  # its engines work until it says so


def test_every_role_has_one() -> None:
    names = {path.name for path in UNITS}
    assert names == {
        "twicetold.service",
        "twicetold-gateway@.service",
        "twicetold-live@.service",
        "twicetold-record@.service",
        "twicetold-batch@.service",
    }
