"""The commands as they are typed: what they print, ask a server for, and exit with."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import types
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from twicetold.batch import pipeline
from twicetold.cli import main as entry
from twicetold.cli import process
from twicetold.cli.main import app
from twicetold.config import Settings
from twicetold.errors import CallNotFound, MissingExtra, NotAudio, SettingError
from twicetold.queue import Job
from twicetold.queue.sqlite import SqliteQueue
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Segment, Word
from twicetold.transcripts.sqlite import SqliteTranscripts
from twicetold.transcripts.usage import Usage
from twicetold.wiring import passes

pytestmark = pytest.mark.integration

runner = CliRunner()


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("TWICETOLD_"):
            monkeypatch.delenv(name)


def main(*arguments: str) -> int:
    """Run the entry point itself; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["twicetold", *arguments])
        with pytest.raises(SystemExit) as ended:
            entry.main()
    return int(ended.value.code or 0)


def test_help_names_every_command() -> None:
    text = runner.invoke(app, ["--help"]).stdout
    commands = (
        "serve demo transcribe listen calls search jobs models tenants shadow usage config eval "
        "doctor"
    )
    for name in commands.split():
        assert re.search(rf"\b{name}\b", text)


def test_version_and_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "twicetold", "--version"], capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"twicetold \d+\.\d+\.\d+\n", done.stdout)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from twicetold.cli.main import app; "
        "print(sorted({'fastapi','httpx','numpy','structlog','asyncio','websockets','av'} "
        "& set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_error_is_two_lines_and_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_at_a_terminal", lambda: True)
    code = main("serve", "--host", "0.0.0.0")
    assert code == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert first.startswith("error: host got '0.0.0.0'")
    assert second.startswith("hint: ")
    assert "twicetold tenants add" in second


def test_wrong_usage_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["serve", "--prot", "1"], ["nonsense"], ["serve", "--port", "x"]):
        assert main(*arguments) == 2
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CallNotFound("No call 'x' [yet]."), 1, "error: No call 'x' [yet].\nhint: List the calls"),
        (ExceptionGroup("g", [CallNotFound("Inside.")]), 1, "error: Inside.\n"),
        (PermissionError(13, "Permission denied", "/x"), 1, "error: Permission denied: /x.\nhint:"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_how_errors_end(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr("twicetold.cli.config.settings_of", lambda **_: failing())
    assert main("config") == code
    assert capsys.readouterr().err.startswith(said)


def test_a_bug_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("twicetold.cli.config.settings_of", failing)
    monkeypatch.setattr(sys, "argv", ["twicetold", "config"])
    with pytest.raises(ZeroDivisionError):
        entry.main()


# --- config, tenants, serve -------------------------------------------------------------------


def test_config_shows_values_and_where_they_come_from(tmp_path: Path) -> None:
    (tmp_path / "twicetold.toml").write_text('port = 9000\nbroker = "kafka://u:hunter2@h"\n')
    done = runner.invoke(app, ["config", "--format", "json", "--set", "lease-s=5"])
    told = json.loads(done.stdout)
    assert (told["port"]["value"], told["port"]["source"]) == ("9000", "twicetold.toml")
    assert (told["lease_s"]["value"], told["lease_s"]["source"]) == ("5.0", "--lease-s")
    assert told["host"]["source"] == "default"
    assert "hunter2" not in done.stdout
    table = runner.invoke(app, ["config"], env={"COLUMNS": "200"}).stdout
    assert re.search(r"port +9000 +twicetold\.toml", table)
    assert "hunter2" not in table


def test_the_readmes_table_has_every_setting() -> None:
    text = runner.invoke(app, ["config", "--format", "markdown"]).stdout
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(Settings.__dataclass_fields__)
    assert all(row.count(" | ") == 3 for row in rows)


def test_a_flag_beats_set(capsys: pytest.CaptureFixture[str]) -> None:
    done = runner.invoke(
        app, ["config", "--format", "json", "--set", "data_dir=a", "--data-dir", "b"]
    )
    assert json.loads(done.stdout)["data_dir"]["value"] == "b"
    assert main("config", "--set", "port") == 1
    assert "NAME=VALUE" in capsys.readouterr().err
    assert main("config", "--set", "prot=1") == 1
    assert "Did you mean port?" in capsys.readouterr().err


def test_a_key_is_shown_once_and_alone_on_stdout() -> None:
    added = runner.invoke(app, ["tenants", "add", "acme", "--tenants-file", "t.toml"])
    assert added.exit_code == 0
    key = added.stdout.strip()
    assert re.fullmatch(r"\S{20,}", key)
    assert key not in Path("t.toml").read_text()
    listed = runner.invoke(app, ["tenants", "list", "--tenants-file", "t.toml"])
    assert "acme" in listed.stdout
    assert key not in listed.stdout
    rotated = runner.invoke(app, ["tenants", "rotate", "acme", "--tenants-file", "t.toml"])
    assert rotated.stdout.strip() not in ("", key)
    runner.invoke(app, ["tenants", "remove", "acme", "--tenants-file", "t.toml"])
    left = runner.invoke(app, ["tenants", "list", "--tenants-file", "t.toml"])
    assert "acme" not in left.stdout


def test_what_a_tenants_calls_would_find_out_is_told_when_it_is_set() -> None:
    def tenants(*arguments: str) -> Any:
        return runner.invoke(app, ["tenants", *arguments, "--tenants-file", "t.toml"])

    tenants("add", "acme")
    for wish in ("speakers=vioce", "redact_with=spacy:no_such_model", "redact_with=nobody"):
        refused = tenants("set", "acme", wish)
        assert isinstance(refused.exception, SettingError | MissingExtra)
    assert "auto, channels" in str(tenants("set", "acme", "speakers=off").exception)
    assert tenants("show", "acme").stdout == ""
    assert "speak of agent and customer too" in tenants("set", "acme", "channel_roles=a,b").stderr
    assert "speak of" not in tenants("set", "acme", "channel_roles=agent,customer").stderr
    told = tenants("set", "acme", "batch_engine=openai:whisper-1")
    assert "allow_remote=openai" in told.stderr
    assert "allow_remote" not in tenants("set", "acme", "allow_remote=openai").stderr


def test_the_first_tenant_is_told_of_the_calls_of_before(tmp_path: Path) -> None:
    for folder, told in (("new", False), ("used", True)):
        (tmp_path / folder).mkdir()
        if told:
            (tmp_path / folder / "transcripts.sqlite3").touch()
        at = ["--data-dir", str(tmp_path / folder)]
        added = runner.invoke(app, ["tenants", "add", "acme", *at])
        assert ("belong to default" in added.stderr) is told
        assert "belong to default" not in runner.invoke(app, ["tenants", "add", "b", *at]).stderr


def test_a_removed_tenant_is_told_nothing_more(tmp_path: Path) -> None:
    at = ["--data-dir", str(tmp_path)]
    for name in ("acme", "other"):
        runner.invoke(app, ["tenants", "add", name, *at])
        runner.invoke(app, ["webhooks", "add", name, "https://example.com/x", *at])
    assert runner.invoke(app, ["tenants", "remove", "nobody", *at]).exit_code
    assert "told nothing more: 1" in runner.invoke(app, ["tenants", "remove", "acme", *at]).stderr
    listed = json.loads(runner.invoke(app, ["webhooks", "list", "--json", *at]).stdout)
    states = {each["tenant"]: (each["state"], each["reason"]) for each in listed}
    assert states == {"acme": ("disabled", "its tenant was removed"), "other": ("enabled", "")}


def test_a_tenants_vocabulary_comes_from_a_file_or_the_command_line() -> None:
    def tenants(*arguments: str) -> Any:
        return runner.invoke(app, ["tenants", *arguments, "--tenants-file", "t.toml"])

    tenants("add", "acme")
    Path("terms.txt").write_text("Möller\n\n  Quux & Sons  \nMöller\n")
    told = tenants("set", "acme", "--vocabulary", "terms.txt")
    assert told.exit_code == 0
    assert told.stdout == "vocabulary = Möller, Quux & Sons\n"
    assert "None of its engines" in told.stderr
    told = tenants("set", "acme", "batch_engine=openai:whisper-1", "allow_remote=openai")
    assert "None of its engines" not in told.stderr
    tenants("set", "acme", "batch_engine=", "allow_remote=")
    told = tenants("set", "acme", "languages=de|en", "--vocabulary", "wob, Dr. No.")
    assert told.stdout == "vocabulary = wob, Dr. No.\nlanguages = de|en\n"
    assert tenants("show", "acme").stdout == told.stdout
    for wrong in ("nowhere/terms.txt", "term.txt", "x" * 101, "<|en|>"):
        assert tenants("set", "acme", "--vocabulary", wrong).exit_code != 0
    assert tenants("set", "acme").exit_code != 0
    assert tenants("show", "acme").stdout == told.stdout
    assert tenants("set", "acme", "--vocabulary", "").stdout == "languages = de|en\n"


# --- a server's calls -------------------------------------------------------------------------


@dataclass
class FakeApi:
    """A test's server: canned answers by path; it notes what was asked."""

    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, body: object, status: int = 200) -> None:
        self.answers[path] = (status, body if isinstance(body, str) else json.dumps(body))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    fake = FakeApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fake.asked.append(f"{self.command} {self.path}")
            fake.keys.append(self.headers["Authorization"])
            problem = {"error": {"code": "not_found", "message": "Nothing.", "hint": "Look."}}
            status, body = fake.answers.get(self.path.partition("?")[0], (404, json.dumps(problem)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        fake.url = f"http://127.0.0.1:{http.server_port}"
        monkeypatch.setenv("TWICETOLD_URL", fake.url)
        yield fake
        http.shutdown()
        thread.join()


CALL = {
    "call_id": "c-1",
    "status": "done",
    "source": "live",
    "language": "en",
    "channels": 1,
    "started_at": 1795170000.0,
    "length_s": 65.0,
    "draft_wer": 0.125,
    "error": None,
}


def test_calls_are_listed_shown_and_deleted(server: FakeApi) -> None:
    server.answer("/v1/calls", {"calls": [CALL], "cursor": "more"})
    listed = runner.invoke(app, ["calls", "list", "--key", "k3y"])
    assert re.search(r"c-1 .*1:05 .*done .*live .*12\.5%", listed.stdout)
    assert "--cursor more" in listed.stderr
    assert server.keys == ["Bearer k3y"]
    as_json = runner.invoke(app, ["calls", "list", "--json"])
    assert json.loads(as_json.stdout)["calls"] == [CALL]

    server.answer("/v1/calls/c-1", CALL)
    server.answer("/v1/calls/c-1/transcript", "hello [there]\n")
    shown = runner.invoke(app, ["calls", "show", "c-1", "--version", "draft", "--format", "srt"])
    assert shown.stdout == "hello [there]\n"
    assert server.asked[-1] == "GET /v1/calls/c-1/transcript?version=draft&format=srt"

    server.answer("/v1/calls/c-1", "", 204)
    assert runner.invoke(app, ["calls", "delete", "c-1"], input="n\n").exit_code == 1
    assert not any(asked.startswith("DELETE") for asked in server.asked)
    assert runner.invoke(app, ["calls", "delete", "c-1", "--yes"]).exit_code == 0
    assert server.asked[-1] == "DELETE /v1/calls/c-1"


def test_search_shows_where_it_was_said(server: FakeApi) -> None:
    snippet = {"text": "my card [number] is", "matches": [[3, 7]]}
    hit = {"call_id": "c-1", "start": 61.0, "snippet": snippet}
    server.answer("/v1/search", {"hits": [hit], "cursor": None})
    found = runner.invoke(app, ["search", "card", "number"])
    assert found.stdout == "c-1  1:01  my card [number] is\n"
    assert server.asked == ["GET /v1/search?q=card+number&limit=20"]


def test_jobs_are_listed_with_their_error_and_tried_again(server: FakeApi) -> None:
    job = {
        "call_id": "c-1",
        "state": "failed",
        "attempts": 4,
        "error": "The sound [x] cannot be read.",
        "hint": "Copy it again.",
        "done_s": 30.0,
        "total_s": 60.0,
    }
    server.answer("/v1/jobs", {"jobs": [job]})
    listed = runner.invoke(app, ["jobs", "list", "--state", "failed"], env={"COLUMNS": "160"})
    assert "The sound [x] cannot be read. Copy it again." in " ".join(listed.stdout.split())
    assert "0:30 of 1:00" in listed.stdout
    server.answer("/v1/calls/c-1/retry", {})
    assert runner.invoke(app, ["jobs", "retry", "c-1"]).exit_code == 0
    assert server.asked[-1] == "POST /v1/calls/c-1/retry"


async def _failed_jobs(data_dir: Path) -> None:
    queue = SqliteQueue(data_dir / "queue.sqlite3")
    for tenant in ("acme", "other"):
        key = CallKey(tenant, f"{tenant}-1")
        await queue.submit(Job(key, "c0ffee" * 10, f"recordings/{tenant}/{tenant}-1.wav"))
    await (await queue.claim()).fail("not_audio", "It is a picture [x].", "Send sound.")
    await queue.aclose()


def test_who_looks_after_it_sees_the_jobs_of_all_tenants(tmp_path: Path) -> None:
    """From the data directory itself, whoever works on it."""
    asyncio.run(_failed_jobs(tmp_path / "data"))
    command = ["jobs", "list", "--all-tenants", "--data-dir", str(tmp_path / "data")]
    wide = {"COLUMNS": "160"}
    listed = runner.invoke(app, command, env=wide).stdout
    assert re.search(r"acme +acme-1 +failed +1 +20\d\d-\d\d-\d\d \d\d:\d\d ", listed)
    assert "not_audio: It is a picture [x]. Send sound." in " ".join(listed.split())
    assert re.search(r"other +other-1 +waiting +0", listed)
    failed = runner.invoke(app, [*command, "--state", "failed", "--json"]).stdout
    (job,) = json.loads(failed)["jobs"]
    assert (job["tenant"], job["call_id"], job["error_code"]) == ("acme", "acme-1", "not_audio")
    assert job["ended_at"] >= job["submitted_at"]


USED = {"passes": 2, "attempts": 3, "audio_s": 90.0, "compute_s": 4.25, "cost": 0.000165}


def test_usage_is_a_table_with_its_sum(server: FakeApi) -> None:
    rows = [{"day": "2026-11-20", "engine": name, **USED} for name in ("parakeet", "whisper")]
    page = {"from": "2026-11-01", "to": "2026-11-30", "currency": "EUR", "total": USED}
    server.answer("/v1/usage", {**page, "rows": rows, "cursor": None})
    arguments = ["usage", "--by", "day,engine", "--from", "2026-11-01"]
    listed = runner.invoke(app, arguments, env={"COLUMNS": "160"}).stdout
    assert server.asked == ["GET /v1/usage?group=day%2Cengine&limit=1000&from=2026-11-01"]
    assert re.search(r"day +engine +calls +audio +compute +EUR", listed)
    assert re.search(r"2026-11-20 +parakeet +2 +1.5 min +4.2 s +0.0002", listed)
    assert re.search(r"total +2 +1.5 min", listed)
    assert "tokens" not in listed
    told = runner.invoke(app, [*arguments, "--csv"]).stdout.splitlines()
    assert told[:2] == [
        "day,engine,passes,attempts,audio_s,compute_s,cost,tokens_in,tokens_out",
        "2026-11-20,parakeet,2,3,90,4.25,0.000165,,",
    ]
    assert json.loads(runner.invoke(app, [*arguments, "--json"]).stdout)["rows"] == rows


def test_usage_shows_tokens_where_there_are_some(server: FakeApi) -> None:
    asked = {**USED, "audio_s": 0.0, "compute_s": 0.0, "tokens_in": 12_345, "tokens_out": 678}
    rows = [{"engine": "llm", **asked}, {"engine": "parakeet", **USED}]
    page = {"from": "2026-11-01", "to": "2026-11-30", "currency": "EUR", "total": asked}
    server.answer("/v1/usage", {**page, "rows": rows, "cursor": None})
    arguments = ["usage", "--by", "engine", "--from", "2026-11-01"]
    listed = runner.invoke(app, arguments, env={"COLUMNS": "160"}).stdout
    assert re.search(r"engine +calls +audio +compute +tokens in +tokens out +EUR", listed)
    assert re.search(r"llm +2 +0.0 min +0.0 s +12,345 +678 +0.0002", listed)
    assert re.search(r"parakeet +2 +1.5 min +4.2 s +0 +0 +0.0002", listed)
    told = runner.invoke(app, [*arguments, "--csv"]).stdout.splitlines()
    assert told[1] == "llm,2,3,0,0,0.000165,12345,678"


async def _used(data_dir: Path) -> None:
    transcripts = SqliteTranscripts(data_dir / "transcripts.sqlite3")
    for tenant in ("acme", "other"):
        for number in range(2):
            key = CallKey(tenant, f"={number}")
            await transcripts.record_usage(Usage(key, "batch", "counter", 30.0, 1.0, at=1.8e9))
    await transcripts.aclose()


def test_usage_of_all_tenants_is_read_where_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twicetold.parts.kept._USAGE_LINES", 1)  # in pages
    asyncio.run(_used(tmp_path))
    kept = ["usage", "--all-tenants", "--data-dir", str(tmp_path), "--to", "2027-01-31"]
    told = json.loads(runner.invoke(app, [*kept, "--by", "tenant", "--json"]).stdout)
    assert [(row["tenant"], row["audio_s"]) for row in told["rows"]] == [
        ("acme", 60.0),
        ("other", 60.0),
    ]
    assert (told["from"], told["total"]["passes"]) == ("2027-01-02", 4)
    table = runner.invoke(app, [*kept, "--by", "call", "--csv"]).stdout
    assert "'=0,2,2,60,2,0,0,0" in table  # no formula for a spreadsheet


def test_usage_says_what_it_does_not_take(tmp_path: Path) -> None:
    assert runner.invoke(app, ["usage", "--all-tenants", "--key", "k"]).exit_code == 2
    assert runner.invoke(app, ["usage", "--json", "--csv"]).exit_code == 2
    assert "day, tenant" in runner.invoke(app, ["usage", "--by", "week"]).exception.hint
    assert "no day" in str(runner.invoke(app, ["usage", "--from", "today"]).exception)


def test_jobs_of_all_tenants_are_not_a_servers_to_tell(tmp_path: Path) -> None:
    for arguments in (["--all-tenants", "--key", "k"], ["--data-dir", str(tmp_path)]):
        assert runner.invoke(app, ["jobs", "list", *arguments]).exit_code == 2


def test_a_directory_without_a_queue_is_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("jobs", "list", "--all-tenants", "--data-dir", str(tmp_path / "wrong")) == 1
    assert "There is no queue in" in capsys.readouterr().err
    assert not (tmp_path / "wrong").exists()


def test_a_servers_refusal_keeps_its_words(
    server: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("calls", "show", "nobody") == 1
    assert capsys.readouterr().err == "error: Nothing.\nhint: Look.\n"


def test_hints_speak_as_the_command_line_does(
    server: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server's own speak HTTP."""
    refused = {"code": "unauthorized", "message": "The request carries no key.", "hint": "Bearer"}
    server.answer("/v1/calls", {"error": refused}, 401)
    assert main("calls", "list") == 1
    error, hint = capsys.readouterr().err.splitlines()
    assert error == "error: The request carries no key."
    assert "--key" in hint
    assert "TWICETOLD_KEY" in hint
    assert "Bearer" not in hint


def test_nothing_is_folded_in_a_pipe(server: FakeApi) -> None:
    call_id, error = "c" * 100, "This is \n what went wrong. " * 10
    server.answer("/v1/calls", {"calls": [CALL | {"call_id": call_id}], "cursor": None})
    listed = runner.invoke(app, ["calls", "list"], env={"COLUMNS": "40"}).stdout.splitlines()
    assert len(listed) == 2
    assert re.fullmatch(rf"{call_id} +2026-\S+ \S+ +1:05 +done +live +12\.5%", listed[1])
    job = {"call_id": call_id, "state": "failed", "attempts": 4, "error": error, "hint": ""}
    server.answer("/v1/jobs", {"jobs": [job]})
    jobs = runner.invoke(app, ["jobs", "list"], env={"COLUMNS": "40"}).stdout.splitlines()
    assert len(jobs) == 2
    assert jobs[1].endswith(" ".join(error.split()))


@pytest.mark.parametrize("named_by", ["flag", "variable"])
def test_a_server_is_found_by_the_settings_file(
    server: FakeApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named_by: str
) -> None:
    monkeypatch.delenv("TWICETOLD_URL")
    file = tmp_path / "elsewhere.toml"
    file.write_text(f"port = {server.url.rpartition(':')[2]}\n")
    named: list[str] = []
    if named_by == "flag":
        named = ["--config", str(file)]
    else:
        monkeypatch.setenv("TWICETOLD_CONFIG", str(file))
    server.answer("/v1/calls", {"calls": [], "cursor": None})
    server.answer("/v1/jobs", {"jobs": []})
    server.answer("/v1/search", {"hits": [], "cursor": None})
    for command in (["calls", "list"], ["jobs", "list"], ["search", "word"]):
        assert runner.invoke(app, [*command, *named]).exit_code == 0
    assert len(server.asked) == 3


def test_no_server_says_how_to_start_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("calls", "list", "--url", "http://127.0.0.1:9") == 1
    assert "twicetold serve" in capsys.readouterr().err


# --- transcribe -------------------------------------------------------------------------------

SEGMENT = Segment(1, 0, 0.0, 1.5, "hello there", (Word(0.0, 0.5, "hello"), Word(0.6, 1.5, "there")))


@pytest.fixture
def fake_pass(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A test's batch pass: every file says hello, but those called bad."""
    seen: list[Path] = []

    @asynccontextmanager
    async def batch_tools(settings: Settings) -> AsyncIterator[Any]:
        yield types.SimpleNamespace(engine=types.SimpleNamespace(parallel=2))

    async def transcribe_file(
        path: Path, tools: object, *, on_progress: Callable[[float, float], None], **_: object
    ) -> pipeline.FileTranscript:
        seen.append(path)
        on_progress(0.5, 1.5)
        if path.stem == "bad":
            raise NotAudio("There is no sound in it.")
        return pipeline.FileTranscript([SEGMENT], 1.5, 1, "fake")

    monkeypatch.setattr(passes, "batch_tools", batch_tools)
    monkeypatch.setattr(pipeline, "transcribe_file", transcribe_file)
    return seen


def test_one_recording_goes_to_stdout(fake_pass: list[Path], tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    done = runner.invoke(app, ["transcribe", "a.wav"])
    assert done.exit_code == 0
    assert "hello there" in done.stdout
    assert "a.wav" not in done.stdout
    assert "× real time" in done.stderr
    as_json = json.loads(runner.invoke(app, ["transcribe", "a.wav", "-f", "json"]).stdout)
    assert as_json["segments"] == [SEGMENT.to_dict()]
    assert (as_json["file"], as_json["engine"], as_json["length_s"]) == ("a.wav", "fake", 1.5)
    assert runner.invoke(app, ["transcribe", "a.wav", "-f", "vtt"]).stdout.startswith("WEBVTT")


def test_one_bad_recording_does_not_stop_the_rest(fake_pass: list[Path], tmp_path: Path) -> None:
    for name in ("x/a.wav", "x/bad.wav", "x/deep/c.mp3"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    done = runner.invoke(app, ["transcribe", "x", "none.wav", "-o", "out", "-f", "srt"])
    assert done.exit_code == 1
    assert done.stdout == ""
    written = sorted(str(path.relative_to("out")) for path in Path("out").rglob("*.*"))
    assert written == ["a.srt", "deep/c.srt"]
    assert "error: There is no sound in it." in done.stderr
    assert "error: none.wav: there is no recording of that name." in done.stderr
    assert "2 of 4 failed." in done.stderr


def test_several_recordings_need_a_place(fake_pass: list[Path], tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).touch()
    done = runner.invoke(app, ["transcribe", "a.wav", "b.wav"])
    assert done.exit_code == 2
    assert "--output-dir" in done.stderr
    assert fake_pass == []


def test_nothing_found_is_code_1(fake_pass: list[Path]) -> None:
    assert runner.invoke(app, ["transcribe", "none.wav"]).exit_code == 1
    assert fake_pass == []
