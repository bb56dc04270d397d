"""``twicetold eval`` on recordings of tone bursts, with the counter engine."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from twicetold import parts
from twicetold.cli import evaluate
from twicetold.cli.evaluate_shown import table_of
from twicetold.cli.main import app
from twicetold.engines import EngineInfo
from twicetold.engines.counter import render
from twicetold.errors import BadParameter, MissingExtra, RecordingNotFound, SettingError
from twicetold.evaluation.evaluating import evaluate as evaluate_one
from twicetold.evaluation.figures import EngineFigures, Failure, FileFigures
from twicetold.evaluation.reference import Scored
from twicetold.speech.scoring import Errors
from twicetold.speech.wav import wav_head

pytestmark = pytest.mark.unit

runner = CliRunner()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve recordings of three numbers each, of which two have another one in the reference."""
    monkeypatch.chdir(tmp_path)
    for number in range(12):
        put(tmp_path / f"calls/{number:02}.wav", 10 * number, 3)
        said = [10 * number + place for place in range(3)]
        if number < 2:
            said[1] = 99_999
        (tmp_path / f"calls/{number:02}.txt").write_text(" ".join(f"x{one}" for one in said))
    return tmp_path / "calls"


def put(path: Path, first: int, count: int) -> None:
    path.parent.mkdir(exist_ok=True)
    pcm = render(first, count, 16_000)
    path.write_bytes(wav_head(16_000, 1, len(pcm)) + pcm)


def eval_(*arguments: object, code: int = 0) -> Result:
    command = ["eval", *(str(each) for each in arguments)]
    result = runner.invoke(app, command, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def with_words(folder: Path) -> Path:
    """References as the counter says its numbers."""
    for path in folder.glob("*.txt"):
        path.write_text(path.read_text().replace("x", ""))
    return folder


def test_both_passes_side_by_side(folder: Path) -> None:
    with_words(folder)
    written, drawn = folder.parent / "figures.json", folder.parent / "out" / "picture.svg"
    result = eval_(
        *(folder, "--engine", "counter", "--files", "--price", "counter=0.36"),
        *("--json", written, "--plot", drawn),
    )
    assert "whisper-english" in result.stdout
    assert "counter (batch) and counter (live) cannot be told apart on these 12 files" in (
        result.stdout
    )
    lines = result.stdout.splitlines()
    listed = [line.split()[0] for line in lines if ".wav" in line]
    assert listed == ["00.wav", "01.wav", *(f"{n:02}.wav" for n in range(2, 12))]  # the worst first
    body: dict[str, Any] = json.loads(written.read_text())
    assert body["normalisers"] == ["whisper-english"]
    for row, pass_ in zip(body["rows"], ("batch", "live"), strict=True):
        assert (row["engine"], row["pass"], row["finished"]) == ("counter", pass_, True)
        assert (row["substitutions"], row["insertions"], row["deletions"]) == (2, 0, 0)
        assert row["wer"] == pytest.approx(2 / 36)
        assert row["interval"]["low"] < row["wer"] < row["interval"]["high"]
        assert row["cost"] == pytest.approx(0.36 * row["audio_s"] / 3600)
        assert row["rtfx"] > 1
    assert [each["sure"] for each in body["comparisons"]] == [False]
    assert "</svg>" in drawn.read_text()


@pytest.mark.parametrize("failed", [0, 3])
def test_a_narrow_terminal_folds_names_and_cuts_no_figure(failed: int) -> None:
    errors = Errors(substitutions=1711, insertions=667, deletions=530, reference_words=2_010)
    files = [
        FileFigures(f"{number}.wav", "en", 600.0, 5.0, errors, Scored.WHOLE) for number in range(12)
    ]
    failures = [Failure(f"f{number}.wav", "not_audio", "no") for number in range(failed)]
    row = EngineFigures(
        "parakeet:/srv/models/parakeet-tdt-0.6b-v3-int8", "batch", files=files, failures=failures
    )
    console = Console(width=80, highlight=False)
    with console.capture() as captured:
        console.print(table_of([row]))
    shown = captured.get()
    assert "…" not in shown
    folded = "".join(line[:8].strip() for line in shown.splitlines()[1:])
    assert "parakeet" in folded
    for figure in ("24120", "144.7 %", "144.7–144.7", "20532", "8004", "6360", "120.0"):
        assert figure in shown
    assert ("Failed" in shown) == bool(failed)


def test_one_pass_of_some_recordings(folder: Path) -> None:
    with_words(folder)
    result = eval_(folder, "--engine", "counter", "--pass", "live", "--limit", 3)
    assert "counter (live): 3 recordings" in result.stderr
    assert "batch" not in result.stdout


def test_a_recording_that_fails_is_named_and_the_others_count(folder: Path) -> None:
    with_words(folder)
    (folder / "05.wav").write_bytes(b"RIFF nonsense")
    (folder / "06.txt").unlink()
    result = eval_(folder, "--engine", "counter", "--pass", "batch", code=1)
    assert "counter (batch) failed on 05.wav: " in result.stderr
    assert "Without a reference, and left out: 1 (06.wav)" in result.stderr
    cells = result.stdout.splitlines()[1].split()
    assert cells[:4] == ["counter", "batch", "10", "30"]
    assert cells[-2:] == ["1", "0"]


def test_an_engine_that_does_not_start_costs_the_others_nothing(folder: Path) -> None:
    with_words(folder)
    empty = folder.parent / "empty"
    empty.mkdir()
    broken = f"parakeet:{empty}"
    engines = ("--engine", broken, "--engine", "counter")
    result = eval_(folder, *engines, "--pass", "batch", "--limit", 2, "--files", code=1)
    assert f"{broken} (batch): " in result.stderr
    assert "hint" not in result.stderr
    assert "counter (batch): 2 recordings" in result.stderr
    first = next(line for line in result.stdout.splitlines() if line.startswith(broken))
    assert first.split()[-2] == "all"


def test_the_engines_of_the_settings_are_the_default(folder: Path) -> None:
    with_words(folder)
    sets = ("--set", "batch_engine=counter", "--set", "live_engine=null")
    result = eval_(folder, *sets, "--limit", 1)
    assert "counter (batch): 1 recording, " in result.stderr
    assert "null (live): 1 recording, " in result.stderr


def test_all_engines_of_a_setting_are_judged_but_for_remote_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_words(folder)
    known = parts.engine_info

    def null_is_remote(name: str, models_dir: Path | None = None) -> EngineInfo:
        return replace(known(name, models_dir), remote=name == "null")

    monkeypatch.setattr(parts, "engine_info", null_is_remote)
    command = (folder, "--pass", "batch", "--limit", 1, "--set", "batch_engine=null, de=counter")
    result = eval_(*command)
    assert "Left out, for it is remote: null." in result.stderr
    assert "null (batch)" not in result.stderr
    assert "counter (batch): 1 recording, " in result.stderr
    for allowed in (("--set", "allow_remote=null"), ("--engine", "null")):
        assert "null (batch): 1 recording, " in eval_(*command, *allowed).stderr


def test_a_stop_shows_what_is_done(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_words(folder)

    async def stopped_after_two(ear: Any, items: Any, figures: Any, **options: Any) -> None:
        await evaluate_one(ear, items[:2], figures, **options)
        figures.finished = False
        options["stopped"].set()

    monkeypatch.setattr("twicetold.evaluation.evaluating.evaluate", stopped_after_two)
    result = eval_(folder, "--engine", "counter", code=130)
    assert "Stopped before all 12 recordings were heard." in result.stderr
    assert ["counter", "batch", "2"] in [line.split()[:3] for line in result.stdout.splitlines()]


def test_a_folder_without_references_says_what_is_expected(folder: Path) -> None:
    for path in folder.glob("*.txt"):
        path.unlink()
    with pytest.raises(RecordingNotFound) as told:
        eval_(folder, "--engine", "counter")
    assert "FILE.txt for FILE.wav" in told.value.hint
    for path in folder.glob("*.wav"):
        path.unlink()
    with pytest.raises(RecordingNotFound, match="no recordings"):
        eval_(folder, "--engine", "counter")


def test_wrong_options_are_said_before_any_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "_evaluated", None)
    with pytest.raises(SettingError, match="no engine 'nonsense'"):
        eval_(folder, "--engine", "nonsense")
    for price in ("counter", "counter=", "counter=-1", "counter=nan", "null=1"):
        with pytest.raises(SettingError, match="--price got"):
            eval_(folder, "--engine", "counter", "--price", price)
    with pytest.raises(BadParameter, match=r"draws \.png"):
        eval_(folder, "--engine", "counter", "--plot", "picture.jpg")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra) as missing:
        eval_(folder, "--engine", "counter", "--plot", "picture.svg")
    assert missing.value.hint == "pip install 'twicetold[bench]'"
