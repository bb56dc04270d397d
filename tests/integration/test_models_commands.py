"""``twicetold models`` as it is typed, killed and typed again, against a hub of the test's own."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hub.server import Fault, HubServer, running_hub
from tests.models.parakeet import Shape, make_model
from typer.testing import CliRunner

from twicetold.cli import main as entry
from twicetold.cli.checks import CHECKS, Finding, examined
from twicetold.cli.main import app
from twicetold.cli.samples import samples_folder
from twicetold.config import Settings
from twicetold.engines.models.catalogue import model_named
from twicetold.engines.models.manifest import MANIFEST

pytestmark = pytest.mark.integration

runner = CliRunner()
MODEL = model_named("parakeet-tdt-0.6b-v3-int8")
WEIGHTS = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(60_000))  # 1.9 MB
FILES = {
    "encoder-model.int8.onnx": WEIGHTS,
    "decoder_joint-model.int8.onnx": WEIGHTS[:5_000],
    "vocab.txt": b"a 0\n<blk> 1\n",
    "config.json": b'{"model_type": "nemo-conformer-tdt"}',
}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with running_hub() as server:
        server.repository(MODEL.repository).add(FILES, commit=MODEL.revision)
        yield server


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("TWICETOLD_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "twicetold" / "models"


def main(*arguments: str) -> int:
    """Run the entry point itself; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["twicetold", *arguments])
        with pytest.raises(SystemExit) as ended:
            entry.main()
    return int(ended.value.code or 0)


def started(hub: HubServer) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "twicetold", "models", "pull", MODEL.name, "--models-hub", hub.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interrupts,
    )


def _heed_interrupts() -> None:
    """Also where the tests run in the background of a shell, which has its children ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def grown(part: Path, process: subprocess.Popen[str]) -> int:
    """Wait until a part of some size is there; its size."""
    deadline = time.monotonic() + 30
    while not part.exists() or part.stat().st_size < 200_000:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return part.stat().st_size


def test_pull_list_path_and_rm(hub: HubServer, place: Path) -> None:
    assert runner.invoke(app, ["models", "path", MODEL.name]).exit_code == 1
    pulled = runner.invoke(app, ["models", "pull", MODEL.name, "--models-hub", hub.url])
    directory = place / "parakeet" / MODEL.name
    assert pulled.stdout == f"{directory}\n"
    assert pulled.stderr == f"{MODEL.full_name}: 1.9 MB, checked.\n"  # no bar in a pipe
    again = runner.invoke(
        app, ["models", "pull", MODEL.full_name, "--models-hub", "http://[::1]:9"]
    )
    assert (again.stdout, again.exit_code) == (f"{directory}\n", 0)
    assert runner.invoke(app, ["models", "path", MODEL.full_name]).stdout == f"{directory}\n"

    listed = runner.invoke(app, ["models", "list"]).stdout
    (line,) = [line for line in listed.splitlines() if line.startswith(MODEL.full_name + " ")]
    assert " 670 MB yes 25 European CC-BY-4.0 " in " ".join(line.split())
    rows = json.loads(runner.invoke(app, ["models", "list", "--json"]).stdout)
    states = {row["name"]: row["state"] for row in rows}
    assert states[MODEL.name] == "here"
    assert states["parakeet-tdt-0.6b-v2"] == "absent"
    assert {row["engine"] for row in rows} == {"parakeet", "whisper", "moonshine", "sherpa"}

    removed = runner.invoke(app, ["models", "rm", MODEL.name])
    assert removed.stderr == f"{MODEL.full_name} is removed; 1.9 MB are free again.\n"
    assert not directory.exists()


def test_what_is_not_here_is_said_with_the_command_that_fetches_it(
    capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    assert main("models", "path", MODEL.name) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"error: There is no {MODEL.full_name} in {place}.\n"
        f"hint: twicetold models pull {MODEL.name}\n"
    )
    assert main("models", "rm", MODEL.name) == 1
    captured = capsys.readouterr()
    assert "nothing to remove" in captured.err
    assert "models pull" not in captured.err
    assert main("models", "pull", "parakeet-tdt-0.6b-v4") == 1
    assert "hint: Did you mean parakeet-tdt-0.6b-v3?" in capsys.readouterr().err
    assert main("models", "path", "../../etc") == 1
    assert not place.exists()


def test_a_hub_that_is_not_there_is_two_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main("models", "pull", MODEL.name, "--models-hub", "http://127.0.0.1:9") == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: The hub at 127.0.0.1:9 does not answer: ")
    assert "--models-hub" in second


def test_killed_in_the_middle_it_goes_on_where_it_was(hub: HubServer, place: Path) -> None:
    hub.rate_bytes_s = 1_000_000
    stage = place / ".partial" / "parakeet" / MODEL.name
    part = stage / "encoder-model.int8.onnx.part"
    with started(hub) as process:
        grown(part, process)
        process.send_signal(signal.SIGKILL)
    assert not (place / "parakeet").exists()
    assert runner.invoke(app, ["models", "path", MODEL.name]).exit_code == 1
    had = part.stat().st_size
    listed = runner.invoke(app, ["models", "list"]).stdout
    assert re.search(rf"{MODEL.full_name} .*B of it ", listed)
    hub.rate_bytes_s, hub.sent_bytes = 0, 0
    with started(hub) as process:
        output, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    directory = Path(output.strip())
    for name, content in FILES.items():
        assert (directory / name).read_bytes() == content
    assert hub.of_content()[-1].range == f"bytes={had}-"
    assert hub.sent_bytes < len(WEIGHTS) - had + 10_000  # and listings


@pytest.mark.slow
def test_ctrl_c_says_what_is_kept(hub: HubServer, place: Path) -> None:
    hub.rate_bytes_s = 150_000  # not over before it is interrupted, however busy the machine is
    part = place / ".partial" / "parakeet" / MODEL.name / "encoder-model.int8.onnx.part"
    with started(hub) as process:
        grown(part, process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "MB are kept; the same command goes on from there." in said
    assert part.stat().st_size >= 200_000


def test_what_stumbles_is_said_in_a_pipe_too(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twicetold.engines.models.pulling.time.sleep", lambda _: None)
    hub.faults["encoder-model.int8.onnx"] = [Fault(status=503, retry_after="0")]
    hub.faults["vocab.txt"] = [Fault(other=b"b 0\n<blk> 1\n")]
    done = runner.invoke(app, ["models", "pull", MODEL.name, "--models-hub", hub.url])
    assert done.exit_code == 0
    assert done.stderr.splitlines()[:2] == [
        "Vocab.txt came wrong (another checksum); trying again now.",
        "It answers 503; trying again in 1 s.",
    ]


def test_a_model_of_the_catalogue_works_by_name_without_a_network(
    hub: HubServer, tmp_path: Path, place: Path
) -> None:
    """The whole way: from the hub into the cache, and from there into an engine's host."""
    made = make_model(tmp_path / "made", Shape(seed=3), "int8")
    files = {path.name: path.read_bytes() for path in made.iterdir()}
    hub.repository(MODEL.repository).add(files, commit=MODEL.revision)
    runner.invoke(app, ["models", "pull", MODEL.name, "--models-hub", hub.url])
    folder = samples_folder()
    assert folder is not None
    hello = str(folder / "hello.flac")
    command = ["transcribe", hello, "--format", "json", "--engine", MODEL.full_name]
    hub.asked.clear()
    done = runner.invoke(app, command)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["engine"] == "parakeet"
    assert not hub.asked
    (place / "parakeet" / MODEL.name / MANIFEST).unlink()
    missing = runner.invoke(app, command)
    assert f"needs the model {MODEL.name}, which is not in" in str(missing.exception)


async def test_doctor_names_a_model_that_is_missing(hub: HubServer, place: Path) -> None:
    settings = Settings(live_engine=MODEL.full_name)

    async def found(name: str) -> Finding:
        return await examined(name, CHECKS[name], settings)

    engine = await found("live engine")
    assert (engine.state, engine.remedy) == ("broken", f"twicetold models pull {MODEL.name}")
    assert (await found("speech gate")).state == "missing"
    assert (await found("models")).detail == f"none in {place}"
    runner.invoke(app, ["models", "pull", MODEL.name, "--models-hub", hub.url])
    assert (await found("models")).detail == f"{MODEL.full_name} (0.0 GB in {place})"
    assert (await found("speech gate")).state == "ok"
