"""``twicetold rules``: phrase rules, tried out before they are used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twicetold.cli.console import clock, note, say, show
from twicetold.cli.transcript_file import Heard, RolesOption, TranscriptArgument, read_transcript

if TYPE_CHECKING:
    from twicetold.enrich.rules import RuleMatch, RuleReport, RuleSet

app = typer.Typer(
    no_args_is_help=True, help="Phrase rules: categories of calls, and alerts during them."
)

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="Phrase rules; 'default' for those that come along.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command("check")
def check(file: FileArgument) -> None:
    """Say what a file of rules holds, or what is wrong with it and where."""
    rules = _load(file)
    alerts = sum(bool(rule.alert) for rule in rules.rules)
    say(f"{file}: {len(rules.rules)} rules in {len(rules.categories)} categories, {alerts} alerts.")


@app.command("example")
def example() -> None:
    """Print the rules that come along, to begin with: twicetold rules example > rules.yaml"""
    from twicetold.enrich.rules import default_text

    say(default_text().rstrip())


@app.command("test")
def try_(
    file: FileArgument,
    transcript: TranscriptArgument,
    roles: RolesOption = None,
    live: Annotated[
        bool, typer.Option("--live", help="The alerts, as they would come during the call.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what the rules find in a transcript. Nothing is stored."""
    from twicetold.enrich.rules import evaluate

    rules, heard = _load(file), read_transcript(transcript, roles)
    if live:
        _show_alerts(rules, heard, as_json=as_json)
        return
    report = evaluate(rules, heard.segments, heard.length_s, heard.roles)
    if as_json:
        say(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
        return
    _show_matches(report, heard)
    if report.unjudged:
        names = ", ".join(rule for _, rule in report.unjudged)
        note(f"About people whom nothing in the transcript names (see --roles): {names}")


def _load(file: Path) -> RuleSet:
    from twicetold.enrich.rules import default_rules, load_rules

    return default_rules() if str(file) == "default" else load_rules(file)


def _show_matches(report: RuleReport, heard: Heard) -> None:
    from rich.table import Table

    if not report.matches:
        note("The rules find nothing in it.")
        return
    table = Table("at", "category", "rule", "who", "words", box=None, header_style="bold")
    for match in report.matches:
        who = "" if match.channel is None else _who(heard, match.channel)
        cells = (clock(match.start), match.category, match.rule, who, _words(match, heard))
        table.add_row(*cells)
    show(table)


def _show_alerts(rules: RuleSet, heard: Heard, *, as_json: bool) -> None:
    from rich.table import Table

    from twicetold.enrich.rules import LiveRules
    from twicetold.enrich.rules.whole import in_order_of_arrival
    from twicetold.speech.transcript import Final

    channels = 1 + max((segment.channel for segment in heard.segments), default=0)
    running, alerts = LiveRules(rules, heard.roles, channels), []
    for event, one in enumerate(in_order_of_arrival(heard.segments), 1):
        final = Final(event, one.channel, event, one.start, one.end, one.text, one.words)
        alerts += [(one.end, alert) for alert in running.accept(final)]
    if as_json:
        told = [{"told_at": round(at, 3), **alert.to_dict()} for at, alert in alerts]
        say(json.dumps(told, indent=2, ensure_ascii=False))
        return
    if not alerts:
        note("No alert would come.")
        return
    table = Table("told at", "category", "rule", "suggestion", box=None, header_style="bold")
    for at, alert in alerts:
        table.add_row(clock(at), alert.category, alert.rule, alert.suggestion)
    show(table)


def _who(heard: Heard, channel: int) -> str:
    return heard.roles.get(channel, f"channel {channel}")


def _words(match: RuleMatch, heard: Heard) -> str:
    """What was said, out of the user's own file."""
    if match.segment is None:
        return "(not said)"
    places = (match.segment, match.channel)
    found = (one for one in heard.segments if (one.number, one.channel) == places)
    segment = next(found, None)
    if segment is None or match.words is None:
        return segment.text if segment is not None else ""
    first, last = match.words
    return " ".join(word.text for word in segment.words[first : last + 1])
