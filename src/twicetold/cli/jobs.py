"""``twicetold jobs``: recordings that wait for the batch pass, and those that failed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twicetold.cli.console import clock, note, run, say, show
from twicetold.cli.options import (
    ConfigOption,
    DataDirOption,
    KeyOption,
    UrlOption,
    server_of,
    settings_of,
)

if TYPE_CHECKING:
    from rich.table import Table

    from twicetold.config import Loaded
    from twicetold.queue import JobStatus

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
    all_tenants: Annotated[
        bool, typer.Option("--all-tenants", help="Of everybody, from the data directory itself.")
    ] = False,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """List jobs, newest first, failed ones with their error. A server is asked for those of one
    tenant; with --all-tenants, whoever may read the data directory sees them all."""
    _check_options(all_tenants, asks_server=bool(url or key), names_files=bool(data_dir))
    if all_tenants:
        page = {"jobs": _local_jobs(settings_of(data_dir=data_dir, config=config), state, limit)}
    else:
        page = run(_jobs(server_of(url, key, config), state, limit))
    if as_json:
        say(json.dumps(page, indent=2, ensure_ascii=False))
    elif page["jobs"]:
        show(_table(page["jobs"]))
    else:
        note("There are no jobs.")


@app.command("retry")
def retry(
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", help="The call whose job failed.")],
    again: Annotated[
        bool,
        typer.Option("--again", help="Also one that is done: with today's engines and settings."),
    ] = False,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """Try a failed job again."""
    run(_retry(server_of(url, key, config), call_id, again=again))
    note(f"The recording of {call_id} is queued again.")


async def _jobs(server: tuple[str, str | None], state: str | None, limit: int) -> dict[str, Any]:
    from twicetold.client import ApiClient

    async with ApiClient(*server) as api:
        return await api.jobs(state, limit)


async def _retry(server: tuple[str, str | None], call_id: str, *, again: bool) -> None:
    from twicetold.client import ApiClient

    async with ApiClient(*server) as api:
        await api.retry(call_id, again=again)


def _check_options(all_tenants: bool, *, asks_server: bool, names_files: bool) -> None:
    if all_tenants and asks_server:
        raise typer.BadParameter("--all-tenants reads the data directory: no --url, no --key.")
    if names_files and not all_tenants:
        raise typer.BadParameter("--data-dir goes with --all-tenants.")


def _local_jobs(loaded: Loaded, state: State | None, limit: int) -> list[dict[str, Any]]:
    from twicetold.parts import queued_jobs
    from twicetold.queue import JobState

    wanted = None if state is None else JobState(state.value)
    return [_body(job) for job in run(queued_jobs(loaded.settings.data_dir, wanted, limit))]


def _body(status: JobStatus) -> dict[str, Any]:
    """As the API gives it, and whose it is."""
    told = {name: value for name, value in asdict(status).items() if name != "job"}
    tenant, call_id = status.job.key
    return {"tenant": tenant, "call_id": call_id, "job_id": status.job.job_id, **told}


def _table(jobs: Sequence[Mapping[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    names = [name for name in ("tenant", "call_id") if all(name in job for job in jobs)]
    for name in names:  # an id is there to be copied
        widest = max(len(str(job[name])) for job in jobs)
        table.add_column(name.removesuffix("_id"), no_wrap=True, min_width=widest)
    for title in ("state", "attempts", "when", "done", "error"):
        table.add_column(title, overflow="fold")
    for job in jobs:
        style = "red" if job["state"] == State.FAILED else ""
        table.add_row(
            *(str(job[name]) for name in names),
            Text(str(job["state"]), style),
            str(job["attempts"]),
            _moment(job.get("ended_at") or job.get("submitted_at")),
            _done(job.get("done_s") or 0, job.get("total_s") or 0),
            Text(_error(job)),
        )
    return table


def _moment(seconds: float | None) -> str:
    """When it ended, or else was submitted, by this machine's clock."""
    if seconds is None:
        return ""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _done(done_s: float, total_s: float) -> str:
    return f"{clock(done_s)} of {clock(total_s)}" if total_s else ""


def _error(job: Mapping[str, Any]) -> str:
    code = f"{job['error_code']}:" if job.get("error_code") else ""
    words = " ".join(filter(None, (code, job.get("error"), job.get("hint"))))
    return " ".join(words.split())  # in one line
