"""``twicetold shadow show`` on a data directory that may be in use."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contracts.transcripts_contract import REVISION, a_shadow, new_call, segment, stream
from typer.testing import CliRunner

from twicetold.cli.main import app
from twicetold.errors import BadIdentifier, NotFound, SettingError
from twicetold.queue import Job
from twicetold.queue.sqlite import SqliteQueue
from twicetold.speech.identity import CallKey
from twicetold.transcripts.sqlite import SqliteTranscripts

pytestmark = pytest.mark.integration

runner = CliRunner()
WIDE = {"COLUMNS": "160"}


async def _fill(data_dir: Path, calls: int, stale: bool) -> None:
    """Call number n differs in n of its 20 words."""
    store = SqliteTranscripts(data_dir / "transcripts.sqlite3")
    for number in range(1, calls + 1):
        key = CallKey("acme", f"call-{number}")
        await store.begin_call(new_call(key))
        said = stream([segment(1, "my bill is wrong")])
        await store.save_canonical(key, REVISION, said)
        figures = replace(
            a_shadow(key), canonical_words=20, substitutions=number, insertions=0, deletions=0
        )
        await store.save_shadow(key, figures, stream([segment(1, "my hill is wrong")]))
    if stale:
        second = replace(REVISION, name="r2")
        await store.save_canonical(key, second, stream([segment(1, "my bill is right")]))
    await store.aclose()
    orders = SqliteQueue(data_dir / "shadows.sqlite3")
    await orders.submit(Job(CallKey("acme", "lost"), "c0ffee" * 10, "recordings/acme/lost.wav"))
    await (await orders.claim()).fail("engine_failed", "It is away [x].", "Look there.")
    await orders.aclose()


def fill(data_dir: Path, calls: int, *, stale: bool) -> None:
    data_dir.mkdir()
    asyncio.run(_fill(data_dir, calls, stale))


def show(data_dir: Path, *arguments: str) -> str:
    done = runner.invoke(app, ["shadow", *arguments, "--data-dir", str(data_dir)], env=WIDE)
    assert done.exit_code == 0, done.exception
    return done.output


def test_many_calls_are_added_up_with_bounds_and_the_worst_first(tmp_path: Path) -> None:
    fill(tmp_path / "data", 12, stale=False)
    shown = show(tmp_path / "data", "show", "acme", "--worst", "3")
    assert re.search(r"difference +32\.5%, 95 % between 2\d\.\d% and 4\d\.\d%", shown)
    assert re.findall(r"^call-\d+", shown, re.M) == ["call-12", "call-11", "call-10"]
    assert re.search(r"normaliser +whisper-english", shown)
    assert "Failed: 1." in shown
    assert "lost  engine_failed: It is away [x]. Look there." in shown
    page = json.loads(show(tmp_path / "data", "show", "acme", "--json"))
    assert page["totals"][0]["difference"] == pytest.approx(78 / 240)
    assert (len(page["calls"]), page["waiting"]) == (12, 0)
    assert [failed["call_id"] for failed in page["failed"]] == ["lost"]
    last = json.loads(show(tmp_path / "data", "show", "acme", "--last", "2", "--json"))
    assert [call["call_id"] for call in last["calls"]] == ["call-12", "call-11"]


def test_few_calls_have_no_bounds_and_stale_ones_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path / "data", 2, stale=True)
    shown = show(tmp_path / "data", "show", "acme")
    assert "5.0% (fewer than 10 calls say little about others)" in shown
    assert "Left out: 1, whose canonical transcripts were replaced since." in shown
    assert "Tenant other has no shadows." in show(tmp_path / "data", "show", "other")


def test_one_call_is_shown_side_by_side(tmp_path: Path) -> None:
    fill(tmp_path / "data", 1, stale=False)
    shown = show(tmp_path / "data", "show", "acme", "--call", "call-1")
    assert re.search(r"canonical: careful +shadow: other", shown)
    assert re.search(r"my \*bill\* is wrong +my \*hill\* is wrong", shown)
    assert "Differences: 1 in 20 words (5.0%, whisper-english)." in shown


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        ("none", NotFound, "Shadows are made of calls"),
        ("lost", NotFound, "It is failed. It is away"),
        ("../x", BadIdentifier, ""),
    ],
)
def test_a_call_without_a_shadow_says_why(
    tmp_path: Path, call: str, kind: type[Exception], said: str
) -> None:
    fill(tmp_path / "data", 1, stale=False)
    where = ["--data-dir", str(tmp_path / "data")]
    done = runner.invoke(app, ["shadow", "show", "acme", "--call", call, *where])
    assert isinstance(done.exception, kind)
    assert said in getattr(done.exception, "hint", "")


def test_a_directory_without_calls_is_left_as_it_is(tmp_path: Path) -> None:
    where = ["--data-dir", str(tmp_path / "wrong")]
    done = runner.invoke(app, ["shadow", "show", "acme", *where])
    assert isinstance(done.exception, SettingError)
    assert not (tmp_path / "wrong").exists()


def test_a_tenant_is_given_a_shadow_engine_that_hears_recordings(tmp_path: Path) -> None:
    where = ["--tenants-file", str(tmp_path / "t.toml")]
    runner.invoke(app, ["tenants", "add", "acme", *where])
    done = runner.invoke(
        app, ["tenants", "set", "acme", "shadow_engine=pocketsphinx", "shadow_share=0.25", *where]
    )
    assert "shadow_share = 0.25" in done.stdout
    assert "started again" not in done.output
    for wish in ("shadow_engine=realtime:x", "shadow_engine=nobody", "shadow_share=2"):
        refused = runner.invoke(app, ["tenants", "set", "acme", wish, *where])
        assert isinstance(refused.exception, SettingError)


def test_a_tenant_is_given_no_engine_without_the_pass_that_it_is_for(tmp_path: Path) -> None:
    where = ["--tenants-file", str(tmp_path / "t.toml")]
    runner.invoke(app, ["tenants", "add", "acme", *where])
    for wish, others in {
        "live_engine=openai:x": "realtime",
        "live_final_engine=realtime:x": "openai",
        "batch_engine=pocketsphinx, realtime:x": "openai",
        "shadow_live_engine=openai:x": "realtime",
    }.items():
        refused = runner.invoke(app, ["tenants", "set", "acme", wish, *where]).exception
        assert isinstance(refused, SettingError)
        assert "does not transcribe" in refused.message
        assert others in refused.hint
        assert "counter" not in refused.hint
    for wish in ("live_engine=realtime:x", "live_final_engine=openai:x", "batch_engine=sarvam"):
        done = runner.invoke(app, ["tenants", "set", "acme", wish, *where])
        assert done.exit_code == 0, done.output
