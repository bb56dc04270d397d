"""``twicetold webhooks``: who is told when calls end, and whether it was."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twicetold.cli.console import note, run, say, show
from twicetold.cli.options import ConfigOption, DataDirOption, SetOption, settings_of
from twicetold.errors import BadParameter, NotFound, Unavailable, WebhookNotFound

if TYPE_CHECKING:
    from rich.table import Table

    from twicetold.config import Settings
    from twicetold.webhooks import Delivery, Endpoint

app = typer.Typer(no_args_is_help=True, help="Tell other programs when calls end.")


class State(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="Whose calls.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The endpoint's id: wh_….")]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("add")
def add(
    tenant: TenantArgument,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are posted to.")],
    types: Annotated[
        str,
        typer.Option(
            metavar="TYPE,TYPE,…", help="Which: call.completed, call.failed, alert.matched."
        ),
    ] = "call.completed,call.failed",
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Have a tenant's events posted to a URL, and show the secret that signs them, once. A server
    that runs begins at once."""
    from twicetold.webhooks.addresses import checked_url, may_not_go

    parts = checked_url(url)
    wanted = _types(types)
    settings = settings_of(data_dir=data_dir, config=config).settings
    _check_tenant(settings, tenant)
    made = run(_add(settings.data_dir, tenant, url, wanted))
    if (refused := may_not_go(parts, settings.webhook_networks or "")) is not None:
        note(f"warning: {refused}")
    note(f"Endpoint {made.id} of {tenant}. Try it: twicetold webhooks test {made.id}")
    note("Its secret is shown only now:")
    say(made.secret)


@app.command("list")
def list_(
    tenant: Annotated[
        str | None, typer.Argument(metavar="TENANT", help="Whose; without: everybody's.")
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """List endpoints, with their state and what waits for them."""
    found = run(_endpoints(settings_of(data_dir=data_dir, config=config).settings, tenant))
    if as_json:
        say(json.dumps([_without_secret(each) for each in found], indent=2, ensure_ascii=False))
    elif found:
        show(_endpoint_table(found))
    else:
        note("There are no endpoints. For one: twicetold webhooks add TENANT URL")


@app.command("remove")
def remove(id_: IdArgument, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """Remove an endpoint, with all its deliveries."""
    settings = settings_of(data_dir=data_dir, config=config).settings
    found = run(_removed(settings, id_))
    note(f"Endpoint {id_} of {found.tenant} is removed.")


@app.command("rotate")
def rotate(
    id_: IdArgument,
    keep_h: Annotated[
        float,
        typer.Option(
            "--keep-h",
            metavar="HOURS",
            min=0,
            max=720,
            help="The old secret signs as well for so long; 0 where it has leaked.",
        ),
    ] = 24.0,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Give an endpoint a new secret, and show it, once. Meanwhile requests carry a signature by
    the old one too, so that the receiver can change over without losing any."""
    settings = settings_of(data_dir=data_dir, config=config).settings
    found = run(_rotated(settings, id_, keep_h * 3600.0))
    if keep_h:
        note(f"The old secret of {id_} signs as well until {_moment(found.former_until)}.")
    note("The new secret is shown only now:")
    say(found.secret)


@app.command("test")
def try_(
    id_: IdArgument,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Send a webhook.test event now, from here, and say what came of it. Exit code 1 if the
    endpoint did not take it."""
    settings = settings_of(sets=set_, data_dir=data_dir, config=config).settings
    began = time.perf_counter()
    error, status = run(_tested(settings, id_))
    if error:
        raise Unavailable(
            f"The endpoint did not take the event: {error}.",
            "Name its network: webhook_networks; here --set webhook_networks=… tries it out."
            if "webhook_networks" in error
            else "Look at what it logged; see docs/how-to/webhooks.md.",
        )
    note(f"The endpoint answered {status} after {(time.perf_counter() - began) * 1000:.0f} ms.")


@app.command("deliveries")
def deliveries(
    tenant: Annotated[
        str | None, typer.Argument(metavar="TENANT", help="Whose; without: everybody's.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="ID", help="Only to this endpoint.")
    ] = None,
    state: Annotated[State | None, typer.Option(help="Only in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 50,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """List what was told to endpoints in the last 30 days, newest first, and why it failed."""
    settings = settings_of(data_dir=data_dir, config=config).settings
    found = run(_deliveries(settings, tenant, endpoint, state, limit))
    if as_json:
        say(json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False))
    elif found:
        show(_delivery_table(found))
    else:
        note("There are no deliveries.")


@app.command("retry")
def retry(
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="A delivery (del_…), or an endpoint (wh_…).")
    ],
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Try a delivery that failed or waits now; or all of an endpoint, which is enabled again."""
    settings = settings_of(data_dir=data_dir, config=config).settings
    note(f"Deliveries that are tried again: {run(_retried(settings, id_))}.")


def _types(text: str) -> list[str]:
    from twicetold.webhooks import TYPES

    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = next((name for name in names if name not in TYPES), None)
    if unknown is not None or not names:
        raise BadParameter(f"--types got {unknown or text!r}.", f"It takes {', '.join(TYPES)}.")
    return names


def _check_tenant(settings: Settings, name: str) -> None:
    from twicetold.speech.identity import DEFAULT_TENANT
    from twicetold.tenants import Tenants

    tenants = Tenants.load(settings.tenants_path)
    known = [DEFAULT_TENANT] if tenants.open_mode else [each.name for each in tenants.list()]
    if name not in known:
        raise NotFound(f"There is no tenant {name!r}.", "See: twicetold tenants list")


async def _add(data_dir: Path, tenant: str, url: str, types: Sequence[str]) -> Endpoint:
    from twicetold.parts import webhooks_kept

    async with webhooks_kept(data_dir, make=True) as outbox:
        return await outbox.add(tenant, url, types)


async def _endpoints(settings: Settings, tenant: str | None) -> list[Endpoint]:
    from twicetold.parts import webhooks_kept

    async with webhooks_kept(settings.data_dir) as outbox:
        return await outbox.endpoints(tenant)


async def _found(settings: Settings, id_: str) -> Endpoint:
    for each in await _endpoints(settings, None):
        if each.id == id_:
            return each
    raise WebhookNotFound(f"There is no endpoint {id_!r}.", "See: twicetold webhooks list")


async def _removed(settings: Settings, id_: str) -> Endpoint:
    from twicetold.parts import webhooks_kept

    found = await _found(settings, id_)
    async with webhooks_kept(settings.data_dir) as outbox:
        await outbox.remove(found.tenant, id_)
    return found


async def _rotated(settings: Settings, id_: str, keep_s: float) -> Endpoint:
    from twicetold.parts import webhooks_kept

    found = await _found(settings, id_)
    async with webhooks_kept(settings.data_dir) as outbox:
        return await outbox.rotate(found.tenant, id_, keep_s)


async def _tested(settings: Settings, id_: str) -> tuple[str, int | None]:
    import secrets

    from twicetold.parts import try_webhook
    from twicetold.webhooks import TEST, Event, event_id

    found = await _found(settings, id_)
    named = event_id(TEST, secrets.token_hex(16))
    outcome = await try_webhook(settings, found, Event(named, found.tenant, TEST, time.time(), ""))
    return outcome.error, outcome.status


async def _deliveries(
    settings: Settings, tenant: str | None, endpoint: str | None, state: State | None, limit: int
) -> list[Delivery]:
    from twicetold.parts import webhooks_kept
    from twicetold.webhooks import DeliveryState

    wanted = None if state is None else DeliveryState(state.value)
    async with webhooks_kept(settings.data_dir) as outbox:
        return list((await outbox.deliveries(tenant, endpoint, wanted, limit)).deliveries)


async def _retried(settings: Settings, id_: str) -> int:
    from twicetold.parts import webhooks_kept

    async with webhooks_kept(settings.data_dir) as outbox:
        for tenant in sorted({each.tenant for each in await outbox.endpoints()}):
            try:
                return await outbox.retry(tenant, id_)
            except WebhookNotFound:
                continue
    raise WebhookNotFound(f"There is no endpoint, and no delivery that failed or waits, {id_!r}.")


def _without_secret(endpoint: Endpoint) -> dict[str, Any]:
    told = asdict(endpoint)
    return {name: value for name, value in told.items() if name not in ("secret", "former_secret")}


def _endpoint_table(found: Sequence[Endpoint]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("id", "tenant"):
        table.add_column(title, no_wrap=True)
    for title in ("state", "pending", "dropped", "types", "url"):
        table.add_column(title, overflow="fold")
    for each in found:
        failing = f"failing since {_moment(each.failing_since)}" if each.failing_since else ""
        state = f"{each.state}: {each.reason}" if each.reason else failing or str(each.state)
        cells = (str(each.pending), str(each.dropped), ", ".join(each.types), each.url)
        style = "" if state == "enabled" else "red"
        table.add_row(each.id, each.tenant, Text(state, style), *(Text(cell) for cell in cells))
    return table


def _delivery_table(found: Sequence[Delivery]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("id", "call"):
        table.add_column(title, no_wrap=True)
    for title in ("endpoint", "type", "state", "attempts", "when", "next", "error"):
        table.add_column(title, overflow="fold")
    for each in found:
        table.add_row(
            each.id,
            each.event.call_id,
            each.endpoint,
            each.event.type,
            Text(str(each.state), "red" if each.state.value == State.FAILED.value else ""),
            str(each.attempts),
            _moment(each.ended_at or each.created_at),
            _moment(each.next_attempt_at),
            Text(each.error),
        )
    return table


def _moment(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
