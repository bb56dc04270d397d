"""``twicetold rules`` and ``twicetold leads`` on files."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tests.unit.enrich.talking import segment
from typer.testing import CliRunner

from twicetold.cli.checks import CHECKS, examined
from twicetold.cli.main import app
from twicetold.cli.options import outcomes_of
from twicetold.config import load
from twicetold.enrich.leads import default_rubric, load_rubric
from twicetold.errors import BadParameter, SettingError

pytestmark = pytest.mark.integration

runner = CliRunner()
SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "calls"
CALL = [
    segment(1, 0, 0, "good morning how can I help"),
    segment(2, 1, 5, "how much is the large one"),
    segment(3, 1, 12, "I want to cancel my contract"),
]


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    path = tmp_path / "call.json"
    body = {"length_s": 90.0, "language": "en", "segments": [each.to_dict() for each in CALL]}
    path.write_text(json.dumps(body), encoding="utf-8")
    return path


def said(*arguments: str | Path) -> str:
    result = runner.invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_rules_are_checked_and_printed(tmp_path: Path) -> None:
    assert "12 rules in 5 categories" in said("rules", "check", "default")
    copy = tmp_path / "mine.yaml"
    copy.write_text(said("rules", "example"), encoding="utf-8")
    assert "12 rules" in said("rules", "check", copy)
    copy.write_text(copy.read_text(encoding="utf-8").replace("who:", "hwo:", 1), encoding="utf-8")
    with pytest.raises(SettingError, match=r"mine\.yaml:8:9: Unknown key 'hwo'.*'who'"):
        said("rules", "check", copy)


def test_rules_are_tried_on_a_transcript(transcript: Path) -> None:
    told = said("rules", "test", "default", transcript, "--roles", "agent,customer")
    assert "0:12  cancellation  wants to cancel" in told
    assert "want to cancel" in told
    assert "recording is announced" in told
    report = json.loads(said("rules", "test", "default", transcript, "--json"))
    assert ["cancellation", "wants to cancel"] in report["unjudged"]


def test_alerts_are_shown_as_they_would_come(transcript: Path) -> None:
    told = said("rules", "test", "default", transcript, "--roles", "agent,customer", "--live")
    assert "Ask for the reason" in told
    alerts = json.loads(
        said(
            "rules", "test", "default", transcript, "--roles", "agent,customer", "--live", "--json"
        )
    )
    assert [(each["rule"], each["event"]) for each in alerts] == [("wants to cancel", 3)]


def test_a_call_is_scored_with_reasons(transcript: Path) -> None:
    told = said("leads", "score", transcript, "--roles", "agent,customer")
    assert "of 100 (uncalibrated), from 20 on" in told
    assert "+12     asks what it costs" in told
    body = json.loads(said("leads", "score", transcript, "--roles", "agent,customer", "--json"))
    assert body["fingerprint"] == default_rubric().fingerprint
    assert body["calibrated"] is False


def test_a_sample_is_a_transcript() -> None:
    assert "takes part" in said("leads", "score", SAMPLES / "billing.json", "--roles", "a,customer")
    assert "complains" not in said("rules", "test", "default", SAMPLES / "billing.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"segments": [{}]}', '{"segments": 3}'])
def test_what_is_no_transcript_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "call.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadParameter, match="no transcript"):
        said("leads", "score", path)


def outcomes(path: Path, calls: int, *, fingerprint: str = "") -> Path:
    draw = random.Random(1)
    rows = ["score,outcome,fingerprint\n"]
    for _ in range(calls):
        score = draw.randint(0, 100)
        rows.append(f"{score},{'won' if draw.random() < score / 100 else 'lost'},{fingerprint}\n")
    path.write_text("".join(rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_what_calibrating_prints_completes_the_rubric(tmp_path: Path, method: str) -> None:
    rubric = tmp_path / "mine.yaml"
    rubric.write_text(said("leads", "example"), encoding="utf-8")
    calls = outcomes(tmp_path / "calls.csv", 400)
    result = runner.invoke(
        app, ["leads", "calibrate", str(calls), "--rubric", str(rubric), "--method", method]
    )
    assert "Brier score" in result.stderr
    with rubric.open("a", encoding="utf-8") as file:
        file.write(result.stdout)
    assert "; calibrated." in said("leads", "check", rubric)
    read = load_rubric(rubric)
    assert read.calibration is not None
    assert read.calibration.probability(90) > 0.75
    scored = json.loads(
        said("leads", "score", SAMPLES / "hello.json", "--rubric", rubric, "--json")
    )
    assert scored["calibrated"] is True
    changed = rubric.read_text(encoding="utf-8").replace("weight: 12", "weight: 13", 1)
    rubric.write_text(changed, encoding="utf-8")
    assert "; uncalibrated." in said("leads", "check", rubric)


def test_calibrating_again_takes_the_place_of_what_was_learned_before(tmp_path: Path) -> None:
    rubric = tmp_path / "mine.yaml"
    rubric.write_text(said("leads", "example") + "\n# the end", encoding="utf-8")
    calls = str(outcomes(tmp_path / "calls.csv", 400))
    command = ["leads", "calibrate", calls, "--rubric", str(rubric), "--write"]
    for method in ("platt", "isotonic", "platt"):
        told = runner.invoke(app, [*command, "--method", method])
        assert (told.exit_code, told.stdout) == (0, "")
        read, text = load_rubric(rubric), rubric.read_text(encoding="utf-8")
        assert read.calibration is not None
        assert read.calibration.method.value == method
        assert text.count("calibration:") == 1
        assert "# the end" in text
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".new"] == []
    none = runner.invoke(app, ["leads", "calibrate", calls, "--write"])
    assert isinstance(none.exception, BadParameter)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("call,outcome\n1,won\n", "no columns"),
        ("score,outcome\n50,won\n101,won\n", "Line 3 .*from 0 to 100"),
        ("score,outcome\nnan,won\n", "Line 2 .*from 0 to 100"),
        ("score,outcome\n50,maybe\n", "Line 2 .*yes or no"),
        ("score,outcome\n50\n", "Line 2 .*yes or no"),
        ("score,outcome,fingerprint\n50,won,abc\n", "Line 2 .*another rubric"),
        ("score,outcome\n50,won\n", "too few"),
        ("", "no columns"),
    ],
)
def test_outcomes_that_cannot_be_used_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadParameter, match=reason):
        said("leads", "calibrate", path)


def test_options_that_cannot_be_meant_are_refused(transcript: Path) -> None:
    with pytest.raises(BadParameter, match="--outcome"):
        said("leads", "score", transcript, "--outcome", "won")
    with pytest.raises(BadParameter, match="--roles"):
        said("leads", "score", transcript, "--roles", "Agent 1")


def test_an_outcome_is_told_once_and_without_blanks() -> None:
    assert outcomes_of([" won = yes "], "It got") == {"won": "yes"}
    with pytest.raises(BadParameter, match="twice"):
        outcomes_of(["won=yes", "won=no"], "It got")


@pytest.mark.parametrize(
    "setting", ["redact=al", "prices=nosuch=1/audio_min", "lead_rubric=/nowhere.yaml"]
)
async def test_doctor_finds_values_that_would_end_a_start(setting: str) -> None:
    name, _, value = setting.partition("=")
    found = await examined("settings", CHECKS["settings"], load({name: value}).settings)
    assert found.state == "broken"
    assert found.detail
