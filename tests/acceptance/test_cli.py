"""The product as its user starts it: commands in processes of their own.

The engine is ``counter``: its integers show every word that is lost, doubled or out of order.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from twicetold.cli.main import app
from twicetold.client import ApiClient, LiveClient
from twicetold.engines.counter import render
from twicetold.errors import TwicetoldError

pytestmark = pytest.mark.acceptance

COUNT = 12
NUMBERS = [str(number) for number in range(1, COUNT + 1)]
COMMAND = [sys.executable, "-m", "twicetold"]


@pytest.fixture
def environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TWICETOLD_")}
    engines = {"TWICETOLD_LIVE_ENGINE": "counter", "TWICETOLD_BATCH_ENGINE": "counter"}
    # Other tests keep the cores busy.
    return kept | engines | {"TWICETOLD_BATCH_NICENESS": "0", "COLUMNS": "160"}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "numbers.wav", [render(1, COUNT, 16_000)])


def write_wav(path: Path, channels: list[bytes]) -> Path:
    """A WAV of 16,000 Hz with a channel for each PCM."""
    longest = max(len(pcm) for pcm in channels)
    padded = [memoryview(pcm.ljust(longest, b"\0")).cast("h") for pcm in channels]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(16_000)
        frames = [sample for frame in zip(*padded, strict=True) for sample in frame]
        file.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in frames))
    return path


@contextmanager
def serving(data_dir: Path, environ: dict[str, str], *arguments: str) -> Iterator[str]:
    """A server in a process of its own; gives its address, and ends it in order."""
    with (data_dir.parent / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", "--data-dir", str(data_dir), *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            env=environ,
            text=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        said = (data_dir.parent / "serve.log").read_text()
        assert line.startswith("Twicetold listens at http://127.0.0.1:"), said
        yield line.removeprefix("Twicetold listens at ").strip()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def run(
    environ: dict[str, str], *arguments: str, code: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env=environ, timeout=50, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def here(environ: dict[str, str], *arguments: str, code: int = 0) -> Any:
    """The same without a process of its own, for commands that only ask a server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", environ)
        done = CliRunner().invoke(app, list(arguments))
    if isinstance(done.exception, TwicetoldError):
        assert code == 1, done.exception
        return done
    assert done.exit_code == code, done.output
    return done


async def canonical_of(url: str, call_id: str) -> dict[str, Any]:
    """The call once its canonical transcript stands and the draft is compared with it."""
    async with asyncio.timeout(50), ApiClient(url) as api:
        async for event in api.events(call_id):
            assert event.get("status") != "failed"
        for _ in range(50):  # the comparison follows the transcript by a moment
            if (call := await api.call(call_id))["draft_wer"] is not None:
                break
            await asyncio.sleep(0.1)
        return call


def words(text: str) -> list[str]:
    return re.findall(r"\b\d+\b", text)


def test_a_call_from_the_first_caption_to_its_deletion(
    tmp_path: Path, environ: dict[str, str], recording: Path
) -> None:
    with serving(tmp_path / "data", environ) as url:
        environ["TWICETOLD_URL"] = url
        heard = run(environ, "listen", "--file", str(recording), "--call-id", "c-1")
        lines = [line.split(None, 1)[1] for line in heard.stdout.splitlines()]
        assert words(" ".join(lines)) == NUMBERS

        call = asyncio.run(canonical_of(url, "c-1"))
        assert (call["status"], call["draft_wer"]) == ("done", 0.0)

        shown = here(environ, "calls", "show", "c-1", "--version", "canonical")
        assert words(shown.stdout)[-COUNT:] == NUMBERS
        assert "c-1 · done" in shown.stderr
        assert "c-1" in here(environ, "calls", "list").stdout
        assert here(environ, "search", "7").stdout.startswith("c-1")
        assert "done" in here(environ, "jobs", "list").stdout

        used = run(environ, "listen", "--file", str(recording), "--call-id", "c-1", code=1)
        assert used.stderr.startswith("error: The call id c-1 was used before.\nhint: ")

        here(environ, "calls", "delete", "c-1", "--yes")
        gone = here(environ, "calls", "show", "c-1", code=1)
        assert gone.exception.code in ("call_deleted", "call_not_found")
        assert json.loads(here(environ, "calls", "list", "--json").stdout)["calls"] == []


@pytest.mark.slow
async def test_the_client_goes_on_when_the_server_is_killed(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    pcm = render(1, COUNT, 16_000)
    pieces = [pcm[at : at + 6400] for at in range(0, len(pcm), 6400)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [*COMMAND, "serve", "--port", str(port), "--data-dir", str(tmp_path / "data")]

    async def start() -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
        )
        assert process.stdout is not None
        assert (await process.stdout.readline()).startswith(b"Twicetold listens")
        return process

    server = await start()
    try:
        client = LiveClient(f"http://127.0.0.1:{port}", call_id="killed")
        async with asyncio.timeout(50), client, asyncio.TaskGroup() as group:

            async def send() -> None:
                nonlocal server
                for number, piece in enumerate(pieces):
                    await client.send(piece)
                    await asyncio.sleep(0.03)
                    if number == len(pieces) // 2:
                        server.kill()
                        await server.wait()
                        server = await start()
                await client.stop()

            group.create_task(send())
            events = [event async for event in client.events()]
        finals = [event for event in events if event["type"] == "final"]
        assert [event["event"] for event in finals] == list(range(1, len(finals) + 1))
        assert [word["text"] for final in finals for word in final["words"]] == NUMBERS
        call = await canonical_of(f"http://127.0.0.1:{port}", "killed")
        assert call["draft_wer"] == 0.0
    finally:
        server.terminate()
        await server.wait()


def test_demo_plays_shows_both_and_ends(tmp_path: Path, environ: dict[str, str]) -> None:
    path = write_wav(tmp_path / "two.wav", [render(1, 9, 16_000), render(101, 9, 16_000)])
    shown = run(environ, "demo", "--once", "--file", str(path))
    assert "Playing two.wav (0:0" in shown.stderr
    text = shown.stdout
    live, both = text.split("draft (live)")
    assert re.search(r"left +1 2 3 4 5 6 7 8\n", live)
    assert re.search(r"right +101 102", live)
    assert both.count("101 102") == 2  # the draft's side and the canonical one's
    assert re.search(r"draft ≠ canonical +0\.0%", both)
    assert "http://" not in both  # of a server that is gone


@pytest.mark.parametrize("until", ["Playing", "stays up until Ctrl-C"])
@pytest.mark.slow
def test_demo_ends_with_ctrl_c_and_takes_its_server_along(
    tmp_path: Path, environ: dict[str, str], until: str
) -> None:
    path = write_wav(tmp_path / "few.wav", [render(1, 9, 16_000)])
    shown = tmp_path / "shown"
    with shown.open("w") as out:
        demo = subprocess.Popen(
            [*COMMAND, "demo", "--file", str(path), "--data-dir", str(tmp_path / "data")],
            stdout=out,
            stderr=subprocess.PIPE,
            env=environ,
            text=True,
        )
    try:
        assert demo.stderr is not None
        said = ""
        while until not in said:
            said += demo.stderr.readline()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(20) == (130 if until == "Playing" else 0)
        url = re.search(r"Server: http://127\.0\.0\.1:(\d+)", said)
        assert url is not None
        with socket.socket() as server:
            assert server.connect_ex(("127.0.0.1", int(url[1]))) != 0
        addresses = re.findall(rf"127\.0\.0\.1:{url[1]}/", shown.read_text())
        assert bool(addresses) == (until != "Playing")  # shown while there is a server
    finally:
        demo.kill()
        demo.wait()
        demo.stderr.close()


@pytest.mark.slow
def test_demo_says_what_its_server_died_of(
    tmp_path: Path, environ: dict[str, str], recording: Path
) -> None:
    environ["TWICETOLD_LIVE_ENGINE"] = "nonsense"
    died = run(environ, "demo", "--once", "--file", str(recording), code=1)
    assert "There is no engine 'nonsense'" in died.stderr
    assert "hint: " in died.stderr


@pytest.mark.slow
def test_recordings_are_transcribed_without_a_server(
    tmp_path: Path, environ: dict[str, str], recording: Path
) -> None:
    alone = run(environ, "transcribe", str(recording))
    assert words(alone.stdout)[-COUNT:] == NUMBERS
    (tmp_path / "bad.wav").write_bytes(b"RIFF nonsense")
    out = tmp_path / "out"
    some = run(environ, "transcribe", str(tmp_path), "-o", str(out), "-f", "json", code=1)
    assert "bad.wav" in some.stderr
    body = json.loads((out / "numbers.json").read_text())
    said = [word["text"] for segment in body["segments"] for word in segment["words"]]
    assert said == NUMBERS
    assert not (out / "bad.json").exists()


@pytest.mark.slow
def test_engines_are_judged_on_a_sample_call(environ: dict[str, str]) -> None:
    hello = Path(__file__).parents[2] / "samples" / "calls" / "hello.flac"
    engines = ("--engine", "pocketsphinx", "--engine", "counter")
    judged = run(environ, "eval", str(hello), *engines, "--pass", "live")
    rows = [line.split() for line in judged.stdout.splitlines() if " live " in line]
    rates = {row[0]: row[4] for row in rows if row[1] == "live"}
    assert float(rates["pocketsphinx"]) <= 20.0
    assert rates["counter"] == "100.0"  # it hears tones, and no speech


@pytest.mark.slow
def test_an_evaluation_that_is_stopped_shows_what_it_has(
    tmp_path: Path, environ: dict[str, str], recording: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number}.wav").hardlink_to(recording)
        (folder / f"{number}.txt").write_text(" ".join(NUMBERS))
    process = subprocess.Popen(
        [*COMMAND, "eval", str(folder), "--engine", "counter"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
        text=True,
    )
    assert process.stderr is not None
    assert "counter (batch): 60 recordings" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert "Stopped before all 60 recordings were heard." in stderr
    assert re.search(r"counter +batch +60 +720 +0.0 %", stdout)
    assert re.search(r"counter +live +", stdout)


@pytest.mark.slow
def test_a_port_or_a_data_directory_in_use_is_named(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with serving(tmp_path / "data", environ) as url:
        assert (tmp_path / "data").stat().st_mode & 0o77 == 0  # for no other user
        port = url.rpartition(":")[2]
        taken = run(environ, "serve", "--port", port, "--data-dir", str(tmp_path / "b"), code=1)
        assert f"port {port}" in taken.stderr
        locked = run(environ, "serve", "--port", "0", "--data-dir", str(tmp_path / "data"), code=1)
        assert "in use by another server" in locked.stderr
        for done in (taken, locked):
            assert done.stdout == ""
            last = json.loads(done.stderr.strip().splitlines()[-1])
            assert (last["event"], last["level"]) == ("ended", "critical")
            assert last["hint"]


def test_tenants_are_kept_apart_by_their_keys(tmp_path: Path, environ: dict[str, str]) -> None:
    data = str(tmp_path / "data")
    keys = [
        here(environ, "tenants", "add", name, "--data-dir", data).stdout.strip()
        for name in ("acme", "globex")
    ]
    recording = write_wav(tmp_path / "few.wav", [render(1, 3, 16_000)])
    with serving(tmp_path / "data", environ) as url:
        environ["TWICETOLD_URL"] = url
        refused = here(environ, "calls", "list", code=1)
        assert refused.exception.code == "unauthorized"
        environ["TWICETOLD_KEY"] = keys[0]
        run(environ, "listen", "--file", str(recording), "--call-id", "c")
        assert len(json.loads(here(environ, "calls", "list", "--json").stdout)["calls"]) == 1
        environ["TWICETOLD_KEY"] = keys[1]
        assert json.loads(here(environ, "calls", "list", "--json").stdout)["calls"] == []
        here(environ, "calls", "show", "c", code=1)


@pytest.mark.slow
def test_doctor_finds_the_machine_fit(tmp_path: Path, environ: dict[str, str]) -> None:
    arguments = ["doctor", "--data-dir", str(tmp_path / "data"), "--set", "port=0"]
    told = json.loads(run(environ, *arguments, "--json").stdout)
    states = {finding["name"]: finding["state"] for finding in told}
    for optional in ("microphone", "page", "models"):
        assert states.pop(optional) in ("ok", "missing")
    assert set(states.values()) == {"ok"}, told
    assert "✓ decoder" in run(environ, *arguments).stdout


@pytest.mark.slow
def test_doctor_says_what_is_wrong(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "tenants.toml").write_text("not toml")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = run(environ, "doctor", "--data-dir", str(tmp_path), "--set", f"port={port}", code=1)
    assert re.search(r"✗ port +127\.0\.0\.1:\d+: Address already in use", told.stdout)
    assert "twicetold serve --port" in told.stdout
    assert "✗ tenants" in told.stdout
    assert "2 of " in told.stderr
