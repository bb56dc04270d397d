"""``twicetold calls``: list, show and delete calls of a running server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twicetold.cli.console import clock, note, run, say, show
from twicetold.cli.options import ConfigOption, KeyOption, UrlOption, outcomes_of, server_of
from twicetold.errors import BadParameter

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="The calls of a running server.")

CallArgument = Annotated[str, typer.Argument(metavar="CALL_ID", help="The call.")]

_COUNTED = {  # what the server says of the lead score, for people
    "yes": "Lead score: {score:.0f}.",
    "later": "The lead score counts them once the canonical transcript is made.",
    "not_scored": "The call has no lead score.",
    "other_rubric": "The lead score is by a rubric that is not in use now, and stays {score:.0f}. "
    "To have it made anew: twicetold jobs retry {call} --again",
}


class Version(StrEnum):
    BEST = "best"
    DRAFT = "draft"
    CANONICAL = "canonical"


class Form(StrEnum):
    TXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many calls.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="Where the next page begins.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As the API gives them.")] = False,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """List calls, newest first."""
    page = run(_calls(server_of(url, key, config), limit, cursor))
    if as_json:
        say(json.dumps(page, indent=2, ensure_ascii=False))
        return
    if not page["calls"]:
        note("There are no calls yet. Try: twicetold listen")
        return
    show(_table(page["calls"]))
    if page.get("cursor"):
        note(f"More: twicetold calls list --cursor {page['cursor']}")


@app.command("show")
def show_(
    call_id: CallArgument,
    version: Annotated[Version, typer.Option(help="Which transcript.")] = Version.BEST,
    form: Annotated[Form, typer.Option("--format", help="How to show it.")] = Form.TXT,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """Show a call's transcript."""
    call, text = run(_transcript(server_of(url, key, config), call_id, version, form))
    note(_headline(call))
    say(text.rstrip("\n"))


@app.command("outcomes")
def outcomes(
    call_id: CallArgument,
    told: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE…]", help="What came of the call, all of it."),
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Forget what was said before.")] = False,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what came of a call, in the place of what was said before, for its lead score to count.

    Without NAME=VALUE it shows what is known.
    """
    named = outcomes_of(told or [], "The outcome got")
    if named and forget:
        raise BadParameter("Either NAME=VALUE or --forget.")
    server = server_of(url, key, config)
    if not (named or forget):
        _show_outcomes(run(_call(server, call_id)).get("outcomes", {}))
        return
    answer = run(_set_outcomes(server, call_id, named))
    _show_outcomes(answer["outcomes"])
    if answer["counted"] in _COUNTED:
        score = answer["lead_score"]
        note(_COUNTED[answer["counted"]].format(score=score, call=call_id))


def _show_outcomes(known: Mapping[str, str]) -> None:
    for name, value in known.items():
        say(f"{name}={value}")
    if not known:
        note("No outcomes are known.")


@app.command("delete")
def delete(
    call_id: CallArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """Delete a call: sound, transcripts, jobs, all of it, for good."""
    if not yes and not typer.confirm(f"Delete call {call_id} for good?", err=True):
        raise typer.Exit(1)
    run(_delete(server_of(url, key, config), call_id))
    note(f"Call {call_id} is deleted.")


async def _calls(server: tuple[str, str | None], limit: int, cursor: str | None) -> dict[str, Any]:
    from twicetold.client import ApiClient

    async with ApiClient(*server) as api:
        return await api.calls(limit, cursor)


async def _transcript(
    server: tuple[str, str | None], call_id: str, version: str, form: str
) -> tuple[dict[str, Any], str]:
    from twicetold.client import ApiClient

    async with ApiClient(*server) as api:
        call = await api.call(call_id)
        return call, await api.transcript_text(call_id, version, form)


async def _call(server: tuple[str, str | None], call_id: str) -> dict[str, Any]:
    from twicetold.client import ApiClient

    async with ApiClient(*server) as api:
        return await api.call(call_id)


async def _set_outcomes(
    server: tuple[str, str | None], call_id: str, outcomes: Mapping[str, str]
) -> dict[str, Any]:
    from twicetold.client import ApiClient

    async with ApiClient(*server) as api:
        return await api.set_outcomes(call_id, outcomes)


async def _delete(server: tuple[str, str | None], call_id: str) -> None:
    from twicetold.client import ApiClient

    async with ApiClient(*server) as api:
        await api.delete(call_id)


def _headline(call: Mapping[str, Any]) -> str:
    parts = [str(call["call_id"]), _status(call)]
    if call.get("length_s") is not None:
        parts.append(clock(call["length_s"]))
    if call.get("draft_wer") is not None:
        parts.append(f"draft ≠ canonical {call['draft_wer']:.1%}")
    if call.get("error"):
        parts.append(str(call["error"]))
    return " · ".join(parts)


def _status(call: Mapping[str, Any]) -> str:
    """With a word where a stand-in transcribed it, whose transcript will be replaced."""
    return f"{call['status']}, provisional" if call.get("provisional") else str(call["status"])


def _table(calls: Sequence[Mapping[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    widest = max((len(str(call["call_id"])) for call in calls), default=0)
    table.add_column("call", no_wrap=True, min_width=widest)  # an id is there to be copied
    for title in ("began", "length", "status", "source", "draft ≠ canonical"):
        table.add_column(title, overflow="fold")
    for call in calls:
        length = call.get("length_s")
        wer = call.get("draft_wer")
        table.add_row(
            str(call["call_id"]),
            when(call["started_at"]),
            "" if length is None else clock(length),
            _status(call),
            str(call["source"]),
            "" if wer is None else f"{wer:.1%}",
        )
    return table


def when(moment: float | str) -> str:
    """A moment (Unix seconds or ISO 8601) in this machine's time."""
    if isinstance(moment, str):
        parsed = datetime.fromisoformat(moment)
    else:
        parsed = datetime.fromtimestamp(moment).astimezone()
    return parsed.astimezone().strftime("%Y-%m-%d %H:%M:%S")
