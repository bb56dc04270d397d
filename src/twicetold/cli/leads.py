"""``twicetold leads``: rubrics that score calls, tried out and calibrated."""

from __future__ import annotations

import csv
import json
import re
import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twicetold.cli.console import clock, note, run, say, show
from twicetold.cli.options import outcomes_of
from twicetold.cli.transcript_file import RolesOption, TranscriptArgument, read_transcript
from twicetold.errors import BadParameter

if TYPE_CHECKING:
    from twicetold.enrich.leads import Calibration, LeadScore, Quality, Rubric

app = typer.Typer(no_args_is_help=True, help="Lead scores: rubrics, and what they are worth.")

_CALIBRATION = re.compile(r"^calibration *:.*\n?(?:[ \t]+.*\n?|\n)*", re.MULTILINE)
_GOOD = frozenset({"1", "yes", "true", "won", "good"})
_BAD = frozenset({"0", "no", "false", "lost", "bad"})

RubricArgument = Annotated[
    Path, typer.Argument(metavar="RUBRIC", help="A rubric; 'default' for the one that comes along.")
]
RubricOption = Annotated[
    Path,
    typer.Option("--rubric", metavar="RUBRIC", help="A rubric, or 'default'."),
]


class How(StrEnum):
    PLATT = "platt"
    ISOTONIC = "isotonic"


@app.command("check")
def check(rubric: RubricArgument) -> None:
    """Say what a rubric holds, or what is wrong with it and where."""
    read = _load(rubric)
    state = "calibrated" if read.calibrated else "uncalibrated"
    say(f"{rubric}: {len(read.rules)} rules, from {read.base:g} on; {state}.")
    if read.calibration is not None and not read.calibrated:
        note("Its calibration is of other rules or weights: calibrate it again.")


@app.command("example")
def example() -> None:
    """Print the rubric that comes along, to begin with: twicetold leads example > rubric.yaml"""
    from twicetold.enrich.leads import default_text

    say(default_text().rstrip())


@app.command("score")
def score(
    transcript: TranscriptArgument,
    rubric: RubricOption = Path("default"),
    roles: RolesOption = None,
    outcome: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="What came of the call; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Score a transcript and show the reasons. Nothing is stored, and no model is asked."""
    from twicetold.enrich.leads import score_call
    from twicetold.enrich.metrics import measure
    from twicetold.enrich.sentiment import VaderJudge, judged

    read, heard = _load(rubric), read_transcript(transcript, roles)
    _, sentiment = run(
        judged(
            heard.segments,
            VaderJudge(),
            length_s=heard.length_s,
            language=heard.language,
            roles=heard.roles,
        )
    )
    found = score_call(
        read,
        heard.segments,
        heard.length_s,
        metrics=measure(heard.segments, heard.length_s, roles=heard.roles, language=heard.language),
        sentiment=sentiment,
        outcomes=outcomes_of(outcome or [], "--outcome got"),
        roles=heard.roles,
    )
    if as_json:
        say(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    _show(found, read)


@app.command("calibrate")
def calibrate_(
    file: Annotated[
        Path,
        typer.Argument(metavar="CSV", help="Columns score (0 to 100) and outcome (yes or no)."),
    ],
    rubric: RubricOption = Path("default"),
    method: Annotated[How, typer.Option(help="Isotonic follows any shape; give it 200 calls.")] = (
        How.PLATT
    ),
    write: Annotated[
        bool, typer.Option("--write", help="Put it into the rubric's file, for the one before it.")
    ] = False,
) -> None:
    """Learn from outcomes how likely a good one is at each score.

    It is printed, or with --write goes into the rubric; how good it is goes to stderr. It holds
    until the rubric's rules change: twicetold leads calibrate calls.csv --rubric mine.yaml --write
    """
    from twicetold.enrich.leads import calibrate, quality
    from twicetold.enrich.leads.calibration import Method

    read = _load(rubric)
    if write and str(rubric) == "default":
        raise BadParameter(
            "--write needs a rubric of yours.",
            "Begin with: twicetold leads example > rubric.yaml; then name it: --rubric rubric.yaml",
        )
    if read.calibration is not None and not write:
        note("The rubric has a calibration already; --write puts this one in its place.")
    scores, outcomes = _pairs(file, read.fingerprint)
    how = Method(method.value)
    made = calibrate(scores, outcomes, rubric=read.fingerprint, method=how)
    _say_quality(made, quality(scores, outcomes, method=how))
    if not write:
        say(_as_yaml(made))
        return
    _put(rubric, _as_yaml(made))
    note(f"{rubric} is calibrated.")


def _put(rubric: Path, calibration: str) -> None:
    """In the place of the one that is there, or at the end; nobody sees half of it, and what
    could not be read again is not written. Raises SettingError."""
    from twicetold.enrich.leads import parse_rubric

    path = rubric.resolve()  # a link stays one
    before = _CALIBRATION.sub("", path.read_text(encoding="utf-8-sig")).rstrip("\n")
    text = f"{before}\n\n{calibration}\n"
    parse_rubric(text, str(rubric))
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.write_text(text, encoding="utf-8")
        shutil.copymode(path, draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _load(rubric: Path) -> Rubric:
    from twicetold.enrich.leads import default_rubric, load_rubric

    return default_rubric() if str(rubric) == "default" else load_rubric(rubric)


def _show(found: LeadScore, rubric: Rubric) -> None:
    from rich.table import Table

    chance = "uncalibrated" if found.probability is None else f"{found.probability:.0%} likely"
    say(f"{found.score} of 100 ({chance}), from {rubric.base:g} on:")
    table = Table("points", "rule", "why", box=None, header_style="bold")
    for reason in found.fired:
        times = ", ".join(clock(start) for start, _ in reason.times)
        value = f"{reason.value:.3g}" if isinstance(reason.value, float) else reason.value
        table.add_row(f"{reason.points:+g}", reason.rule, times or value or "")
    if found.fired:
        show(table)
    if found.unjudged:
        note(f"Could not be judged: {', '.join(found.unjudged)}")


def _pairs(file: Path, fingerprint: str) -> tuple[list[float], list[bool]]:
    """Scores and outcomes. Raises BadParameter, with the line."""
    scores: list[float] = []
    outcomes: list[bool] = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if not {"score", "outcome"} <= set(rows.fieldnames or ()):
                raise BadParameter(f"{file} has no columns 'score' and 'outcome'.")
            for row in rows:
                where = f"Line {rows.line_num} of {file}"
                if row.get("fingerprint") not in (None, "", fingerprint):
                    raise BadParameter(
                        f"{where} has a score of another rubric.", "Score those calls again."
                    )
                scores.append(_score_of(row["score"], where))
                outcomes.append(_outcome_of(row["outcome"], where))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadParameter(f"{file} is no CSV in UTF-8.") from error
    return scores, outcomes


def _score_of(text: str | None, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 100.0:
        raise BadParameter(f"{where}: the score is {text!r}; it is from 0 to 100.")
    return value


def _outcome_of(text: str | None, where: str) -> bool:
    word = (text or "").strip().lower()
    if word not in _GOOD | _BAD:
        raise BadParameter(f"{where}: the outcome is {text!r}; it is yes or no (or won, lost).")
    return word in _GOOD


def _say_quality(made: Calibration, found: Quality) -> None:
    note(f"{made.calls} calls, {made.won} with a good outcome ({made.won / made.calls:.0%}).")
    note(
        f"Brier score {found.brier:.3f} on calls it has not seen; always saying that share: "
        f"{found.brier_of_share:.3f} (lower is better)."
    )
    if found.brier >= found.brier_of_share:
        note("So the score tells no more than the share does: look at the rubric.")
    for calls, told, share in found.bins:
        note(f"  of {calls} calls it said {told:.0%} to, {share:.0%} had a good outcome")


def _as_yaml(made: Calibration) -> str:
    lines = ["calibration:", f"  method: {made.method.value}", f'  rubric: "{made.rubric}"']
    lines += [f"  calls: {made.calls}", f"  won: {made.won}"]
    if made.knots:
        knots = ", ".join(f"[{score:g}, {chance:.6f}]" for score, chance in made.knots)
        lines.append(f"  knots: [{knots}]")
    else:
        lines += [f"  slope: {made.slope:.8f}", f"  intercept: {made.intercept:.8f}"]
    return "\n".join(lines)
