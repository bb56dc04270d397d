"""``twicetold jobs``: recordings that wait for the batch pass, and those that failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twicetold.cli.console import clock, note, out, run, say
from twicetold.cli.options import KeyOption, UrlOption, server_of

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="Recordings on their way to a canonical transcript.")


class State(StrEnum):
    WAITING = "waiting"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"


@app.command("list")
def list_(
    state: Annotated[State | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many jobs.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="As the API gives them.")] = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """List jobs, newest first, failed ones with their error."""
    page = run(_jobs(server_of(url, key), state, limit))
    if as_json:
        say(json.dumps(page, indent=2, ensure_ascii=False))
    elif page["jobs"]:
        out().print(_table(page["jobs"]))
    else:
        note("There are no jobs.")


@app.command("retry")
def retry(
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", help="The call whose job failed.")],
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Try a failed job again."""
    run(_retry(server_of(url, key), call_id))
    note(f"The recording of {call_id} is queued again.")


async def _jobs(server: tuple[str, str | None], state: str | None, limit: int) -> dict[str, Any]:
    from twicetold.client import ApiClient

    async with ApiClient(*server) as api:
        return await api.jobs(state, limit)


async def _retry(server: tuple[str, str | None], call_id: str) -> None:
    from twicetold.client import ApiClient

    async with ApiClient(*server) as api:
        await api.retry(call_id)


def _table(jobs: Sequence[Mapping[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    widest = max((len(str(job["call_id"])) for job in jobs), default=0)
    table.add_column("call", no_wrap=True, min_width=widest)  # an id is there to be copied
    for title in ("state", "attempts", "done", "error"):
        table.add_column(title, overflow="fold")
    for job in jobs:
        total = job.get("total_s") or 0
        done = f"{clock(job.get('done_s') or 0)} of {clock(total)}" if total else ""
        failed = job["state"] == State.FAILED
        error = " ".join(str(job.get(name) or "") for name in ("error", "hint")).strip()
        state = Text(str(job["state"]), "red" if failed else "")
        table.add_row(str(job["call_id"]), state, str(job["attempts"]), done, Text(error))
    return table
