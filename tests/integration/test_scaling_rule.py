"""The rule of docs/how-to/scale-live.md, run by a shell against workers and a systemd of ours."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "scale-live.md"
CURL = """#!/bin/sh
for url; do :; done
port=${url##*127.0.0.1:}
cat "$WORKERS/${port%%/*}"
"""
SYSTEMCTL = """#!/bin/sh
echo "$1 ${2#twicetold-live@}" >> "$WORKERS/told"
"""


@pytest.fixture
def rule() -> str:
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(r"<!-- rule: .*?-->\n```sh\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def told(
    rule: str, folder: Path, lags: dict[str, str], calm_since_s: float | None = 0.0
) -> list[str]:
    """What the rule has systemd do. ``lags``: by port, of the workers that run."""
    programs, workers, state = folder / "bin", folder / "workers", folder / "state"
    programs.mkdir()
    workers.mkdir()
    for name, text in (("curl", CURL), ("systemctl", SYSTEMCTL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    for port, lag in lags.items():
        page = f"# HELP twicetold_live_lag_seconds x\ntwicetold_live_lag_seconds {lag}\n"
        (workers / port).write_text(page + f"twicetold_live_lag_seconds_sum {lag}\n")
    if calm_since_s is not None:
        state.write_text(f"{int(time.time() - calm_since_s)}\n")
    environ = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "WORKERS": str(workers),
        "STATE": str(state),
        "PORTS": "8301 8311 8321",
    }
    done = subprocess.run(["sh", "-eu"], input=rule, text=True, env=environ, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    (workers / "told").touch()
    return (workers / "told").read_text().splitlines()


@pytest.mark.parametrize(
    ("lags", "calm_since_s", "expected"),
    [
        ({"8301": "0.1"}, 0.0, []),
        ({"8301": "2.5"}, 0.0, ["start 8311"]),
        ({"8301": "2.5"}, None, ["start 8311"]),
        ({"8301": "0.1", "8311": "12.0"}, 700.0, ["start 8321"]),
        ({"8301": "9.0", "8311": "9.0", "8321": "9.0"}, 0.0, []),  # there are no more
        ({"8301": "0.1", "8311": "0.0"}, 30.0, []),
        ({"8301": "0.1", "8311": "0.0"}, 700.0, ["stop 8311"]),
        ({"8301": "0.1", "8311": "1.0"}, 700.0, []),
        ({"8301": "0.1"}, 700.0, []),  # the first always runs
        ({"8301": "NaN", "8311": "3.0"}, 0.0, ["start 8321"]),
        ({"8301": "NaN"}, 0.0, []),
        ({}, 0.0, ["start 8301"]),  # no page answers: nobody writes captions
        ({}, None, ["start 8301"]),
        ({}, 700.0, ["start 8301"]),
        ({"8311": "0.0"}, 700.0, ["start 8301"]),  # and what runs is not stopped
        ({"8311": "9.0"}, 0.0, ["start 8301"]),
    ],
)
def test_the_rule(
    rule: str,
    tmp_path: Path,
    lags: dict[str, str],
    calm_since_s: float | None,
    expected: list[str],
) -> None:
    assert told(rule, tmp_path, lags, calm_since_s) == expected


def test_after_workers_were_gone_none_is_stopped_for_ten_minutes(rule: str, tmp_path: Path) -> None:
    """The calm that was noted before they died says nothing of the one that comes after."""
    assert told(rule, tmp_path, {}, calm_since_s=700.0) == ["start 8301"]
    noted = int((tmp_path / "state").read_text())
    assert abs(noted - time.time()) < 10
