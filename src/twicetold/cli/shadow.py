"""``twicetold shadow``: what a tenant's shadow engine made of its calls, against what stands."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twicetold.cli.console import note, out, run, say, show
from twicetold.cli.options import ConfigOption, DataDirOption, settings_of
from twicetold.errors import NotFound, RedactionUnavailable

if TYPE_CHECKING:
    from twicetold.config import Settings
    from twicetold.parts import ShadowsKept
    from twicetold.queue import JobStatus
    from twicetold.transcripts import Shadow

app = typer.Typer(
    no_args_is_help=True, help="Another engine's text beside the canonical transcripts."
)

_PAGE = 200
_FAILURES = 5  # that are named


class Pass(StrEnum):
    BATCH = "batch"
    LIVE = "live"


@app.command("show")
def show_(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Whose calls.")],
    call: Annotated[
        str | None, typer.Option("--call", metavar="ID", help="This call, side by side.")
    ] = None,
    pass_: Annotated[
        Pass, typer.Option("--pass", help="Which of the call's shadows.")
    ] = Pass.BATCH,
    last: Annotated[int, typer.Option(min=1, max=100_000, help="So many calls are read.")] = 1000,
    worst: Annotated[int, typer.Option(min=0, max=1000, help="So many calls are listed.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="All figures, without words.")] = False,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Show how far the shadow engine is from the canonical transcripts: over the tenant's last
    calls, and the calls that differ most. Read from the data directory itself.
    """
    settings = settings_of(data_dir=data_dir, config=config).settings
    directory = settings.data_dir
    if call is not None:
        run(_one(settings, tenant, call, pass_.value, as_json))
    else:
        run(_all(directory, tenant, last, worst, as_json))


async def _all(directory: Path, tenant: str, last: int, worst: int, as_json: bool) -> None:
    from twicetold.cli.shadow_shown import summary
    from twicetold.parts import shadows_kept
    from twicetold.queue import JobState
    from twicetold.transcripts.shadow_totals import added_up

    async with shadows_kept(directory) as kept:
        shadows = await _shadows(kept, tenant, last)
        failed = await kept.orders.jobs(tenant, JobState.FAILED, 1000)
        waiting = len(await kept.orders.jobs(tenant, JobState.WAITING, 1000))
    totals = added_up(shadows)
    if as_json:
        told = {
            "totals": [each.to_dict() for each in totals],
            "calls": [_figures(shadow) for shadow in shadows],
            "waiting": waiting,
            "failed": [_failure(job) for job in failed],
        }
        say(json.dumps(told, indent=2, ensure_ascii=False))
        return
    for each in totals:
        for table in summary(each, worst):
            show(table)
            say("")
    stale = sum(shadow.stale for shadow in shadows)
    if stale:
        note(f"Left out: {stale}, whose canonical transcripts were replaced since.")
    if not totals:
        note(
            f"Tenant {tenant} has no shadows. They come with the next calls once there is a shadow "
            f"engine: twicetold tenants set {tenant} shadow_engine=…, or, for all tenants or where "
            "there are none, the server's setting shadow_engine."
        )
    _tell_orders(waiting, failed)


async def _shadows(kept: ShadowsKept, tenant: str, last: int) -> list[Shadow]:
    found: list[Shadow] = []
    cursor: str | None = None
    while len(found) < last:
        page = await kept.transcripts.shadows(tenant, min(_PAGE, last - len(found)), cursor)
        found += page.shadows
        cursor = page.cursor
        if cursor is None:
            break
    return found


def _tell_orders(waiting: int, failed: list[JobStatus]) -> None:
    if waiting:
        note(f"Waiting for the shadow engine: {waiting}.")
    if failed:
        note(f"Failed: {len(failed)}.")
    for job in failed[:_FAILURES]:
        note(f"  {job.job.key.call_id}  {job.error_code}: {job.error} {job.hint or ''}".rstrip())


async def _one(settings: Settings, tenant: str, call_id: str, pass_: str, as_json: bool) -> None:
    from twicetold.cli.comparison import rows, table_of
    from twicetold.parts import shadows_kept
    from twicetold.speech.identity import CallKey
    from twicetold.transcripts import Version

    key = CallKey.checked(tenant, call_id)
    async with shadows_kept(settings.data_dir) as kept:
        shadow = await kept.transcripts.shadow(key, pass_)
        if shadow is None:
            why = _why(await kept.orders.job_of(key))
            raise NotFound(f"There is no {pass_} shadow of call {call_id}.", why)
        canonical = [each async for each in kept.transcripts.segments(key, Version.CANONICAL)]
        heard = [each async for each in kept.transcripts.shadow_segments(key, pass_)]
    if as_json:
        say(json.dumps(_figures(shadow), indent=2, ensure_ascii=False))
        return
    if not all(each.safe for each in (*canonical, *heard)) and _redacts(settings, tenant):
        raise RedactionUnavailable(
            f"Words of call {call_id} are not redacted, and are not shown; --json has the figures."
        )
    titles = (f"canonical: {shadow.canonical_engine}", f"shadow: {shadow.engine}")
    several = len({each.channel for each in (*canonical, *heard)}) > 1
    names = {each.channel: f"Channel {each.channel + 1}" for each in (*canonical, *heard)}
    made = rows(canonical, heard)
    plain = not out().is_terminal
    # As wide as a terminal also in a pipe: it is to be read.
    out().print(table_of(made, names if several else {}, plain=plain, titles=titles))
    note(
        f"Differences: {shadow.differences} in {shadow.canonical_words} words "
        f"({shadow.difference:.1%}, {shadow.normaliser})."
    )
    if shadow.stale:
        note("The canonical transcript was replaced since they were counted.")


def _redacts(settings: Settings, tenant: str) -> bool:
    from twicetold.parts import enrichment_by
    from twicetold.tenants import Tenants

    return enrichment_by(settings, Tenants.load(settings.tenants_path))(tenant).redacts


def _why(order: JobStatus | None) -> str:
    if order is None:
        return "Shadows are made of calls whose canonical transcript came after it was set."
    return f"It is {order.state}. {order.error or ''}".strip()


def _figures(shadow: Shadow) -> dict[str, Any]:
    told = asdict(shadow)
    del told["key"]
    named = {"call_id": shadow.key.call_id, "pass": told.pop("pass_")}
    return {**named, **told, "difference": shadow.difference}


def _failure(job: JobStatus) -> dict[str, Any]:
    return {"call_id": job.job.key.call_id, "code": job.error_code, "error": job.error}
