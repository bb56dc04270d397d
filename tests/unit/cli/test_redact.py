"""``twicetold redact``: text and transcripts, from files and standard input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twicetold.cli.main import app
from twicetold.errors import BadParameter
from twicetold.speech.transcript import Segment

pytestmark = pytest.mark.integration

runner = CliRunner()
TALK = "agent: what's your pin\ncustomer: four four two one\nno side: 5 minutes\n"


def test_text_from_standard_input() -> None:
    done = runner.invoke(app, ["redact"], input=TALK)
    assert done.exit_code == 0
    assert done.stdout == "agent: what's your pin\ncustomer: [PIN]\nno side: 5 minutes\n"
    assert done.stderr == "Removed: pin 1.\n"


def test_json_says_what_was_removed_and_where(tmp_path: Path) -> None:
    file = tmp_path / "talk.txt"
    file.write_text(TALK)
    body = json.loads(runner.invoke(app, ["redact", str(file), "--json"]).stdout)
    assert body["lines"][1] == "customer: [PIN]"
    assert body["removed"] == [{"kind": "pin", "line": 2, "first_word": 1, "words": 4}]


def test_a_transcript(tmp_path: Path) -> None:
    file = tmp_path / "call.json"
    segments = [Segment(1, 0, 0.0, 1.0, "my pin is 4421").to_dict()]
    file.write_text(json.dumps({"segments": segments}))
    done = runner.invoke(app, ["redact", str(file), "--style", "mask"])
    assert done.stdout == "my pin is ****\n"


def test_no_transcript() -> None:
    done = runner.invoke(app, ["redact"], input='{"segments": 3}')
    assert isinstance(done.exception, BadParameter)


def test_kinds() -> None:
    kept = runner.invoke(app, ["redact", "--kinds", "phone, email"], input="my pin is 4421")
    assert kept.stdout == "my pin is 4421\n"
    for option, value, those in (
        ("--kinds", "shoe_size", "all, or some of: phone"),
        ("--kinds", "", "all, or some of: phone"),
        ("--style", "bold", "label, mask, pseudonym"),
    ):
        wrong = runner.invoke(app, ["redact", option, value], input="")
        assert isinstance(wrong.exception, BadParameter)
        assert f"{option} got '{value}'" in str(wrong.exception)
        assert those in str(wrong.exception)


def test_a_recording_is_no_text() -> None:
    recording = Path(__file__).parents[3] / "samples" / "calls" / "hello.flac"
    done = runner.invoke(app, ["redact", str(recording)])
    assert isinstance(done.exception, BadParameter)
    assert "no text in UTF-8" in str(done.exception)


def test_what_is_no_text_is_refused_also_on_standard_input() -> None:
    done = runner.invoke(app, ["redact"], input=b"caf\xe9 my phone number is 555 123 4567\n")
    assert isinstance(done.exception, BadParameter)
    assert "Standard input is no text in UTF-8" in str(done.exception)


def test_a_transcript_with_half_a_character_is_refused() -> None:
    segment = {"number": 1, "channel": 0, "start": 0.0, "end": 1.0, "text": "a\ud800", "words": []}
    done = runner.invoke(app, ["redact"], input=json.dumps({"segments": [segment]}))
    assert isinstance(done.exception, BadParameter)
