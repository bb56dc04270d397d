"""What lies in deploy/ runs commands that there are, with options that they take."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from twicetold.batch.worker import WorkDone
from twicetold.cli.main import app
from twicetold.config import Settings
from twicetold.observe.metrics import Metrics, Role
from twicetold.queue import Tally

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


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


async def _names_shown() -> set[str]:
    """Of all figures that a process with every role shows."""

    async def lags() -> list[float]:
        return []

    async def tally() -> Tally:
        return Tally()

    metrics = Metrics()
    for role in get_args(Role):
        metrics.lag(role, lags)
        metrics.foreign(role, lambda: 0)
    metrics.jobs(tally)
    metrics.batch_work(WorkDone())
    text = (await metrics.rendered()).decode()
    names = re.findall(r"^(twicetold_\w+)", text, re.M)
    return {name for name in names if not name.endswith("_created")}  # Prometheus' own, of counters


@pytest.mark.parametrize(
    "page",
    ["deploy/prometheus/alerts.yaml", "docs/how-to/scale-live.md"],
)
async def test_a_page_names_figures_that_there_are(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"\btwicetold_(?:live|gateway|record|batch)_\w+", text))
    assert named
    assert named - await _names_shown() == set()


async def test_every_figure_is_explained() -> None:
    explained = (ROOT / "docs/how-to/scale-live.md").read_text(encoding="utf-8")
    assert [name for name in await _names_shown() if name not in explained] == []
