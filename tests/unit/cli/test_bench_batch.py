"""``twicetold bench batch`` on recordings of tone bursts, with the counter engine."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twicetold.cli import bench_batch
from twicetold.cli.main import app
from twicetold.engines.counter import render
from twicetold.errors import BadParameter, RecordingNotFound
from twicetold.speech.wav import wav_head

pytestmark = pytest.mark.unit

runner = CliRunner()


def test_it_prints_a_table_and_writes_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    pcm = render(0, 60, 16000)
    for name in ("one.wav", "two.wav"):
        (tmp_path / name).write_bytes(wav_head(16000, 1, len(pcm)) + pcm)
    command = ["bench", "batch", "one.wav", "two.wav", "--engine", "counter", "--json", "f.json"]
    result = runner.invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert "times as fast as speech" in result.stdout
    figures = json.loads((tmp_path / "f.json").read_text())
    assert [each["file"] for each in figures["files"]] == ["one.wav", "two.wav", "all"]
    first, second, both = figures["files"]
    assert both["wall_s"] == pytest.approx(first["wall_s"] + second["wall_s"])
    assert first["overhead"] == pytest.approx(first["wall_s"] / first["engine_s"])
    assert first["audio_s"] == pytest.approx(len(pcm) / 2 / 16000)


def test_a_name_without_a_recording_is_said(tmp_path: Path):
    with pytest.raises(BadParameter, match="nobody"):
        runner.invoke(app, ["bench", "batch", str(tmp_path / "nobody.wav")], catch_exceptions=False)


def test_without_files_and_samples_it_says_what_to_give(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bench_batch, "samples_folder", lambda: None)
    with pytest.raises(RecordingNotFound) as told:
        runner.invoke(app, ["bench", "batch"], catch_exceptions=False)
    assert "bench batch FILE" in told.value.hint
