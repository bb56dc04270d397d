"""``twicetold usage``: what calls used, and what that cost."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twicetold.cli.console import note, run, say, show
from twicetold.cli.options import (
    ConfigOption,
    DataDirOption,
    KeyOption,
    UrlOption,
    server_of,
    settings_of,
)
from twicetold.errors import BadParameter

if TYPE_CHECKING:
    from rich.table import Table

    from twicetold.config import Settings

_GROUPS = ("day", "tenant", "call", "pass", "engine", "model", "device")
_SUMS = ("passes", "attempts", "audio_s", "compute_s", "cost", "tokens_in", "tokens_out")
_TOKENS = {"tokens_in": "tokens in", "tokens_out": "tokens out"}  # shown where there are some
_USUAL_DAYS = 30
_PAGE = 1000

_Row = Mapping[str, Any]


def usage(
    by: Annotated[
        str,
        typer.Option(
            metavar="NAME,NAME,…", help=f"What it is added up by, of {', '.join(_GROUPS)}."
        ),
    ] = "day,engine,pass",
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="DAY", help="First day, in UTC (default: 30 days ago)."),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last day, in UTC (default: today).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As the API gives it.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="For spreadsheets; no total.")] = False,
    url: UrlOption = None,
    key: KeyOption = None,
    all_tenants: Annotated[
        bool, typer.Option("--all-tenants", help="Of everybody, from the data directory itself.")
    ] = False,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Show audio and compute seconds, tokens of language models, and what they cost by the setting
    prices. A call's audio counts once for each pass, all else for every attempt; deleted calls stay
    in the sums. A server is asked for one tenant's; with --all-tenants, whoever may read the data
    directory sees all.
    """
    if all_tenants and (url or key):
        raise typer.BadParameter("--all-tenants reads the data directory: no --url, no --key.")
    if data_dir and not all_tenants:
        raise typer.BadParameter("--data-dir goes with --all-tenants.")
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other.")
    names = _names(by)
    if all_tenants:
        settings = settings_of(data_dir=data_dir, config=config).settings
        told = run(_kept(settings, names, _day(first), _day(last)))
    else:
        told = run(_asked(server_of(url, key, config), names, _day(first), _day(last)))
    _tell(told, names, as_json=as_json, as_csv=as_csv)


def _names(by: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in by.split(",") if name.strip()))
    for name in names:
        if name not in _GROUPS:
            raise BadParameter(f"--by got {name!r}.", f"It takes of these: {', '.join(_GROUPS)}.")
    return names


def _day(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise BadParameter(f"{text!r} is no day.", "A day looks like 2026-11-30.") from None


async def _asked(
    server: tuple[str, str | None], names: Sequence[str], first: str | None, last: str | None
) -> dict[str, Any]:
    from twicetold.client import ApiClient

    async with ApiClient(*server) as api:
        told = page = await api.usage(",".join(names), first, last, _PAGE)
        while page.get("cursor"):
            page = await api.usage(",".join(names), told["from"], told["to"], _PAGE, page["cursor"])
            told["rows"] += page["rows"]
    rows = [
        {name: value for name, value in row.items() if value is not None} for row in told["rows"]
    ]
    return {**told, "rows": rows, "cursor": None}


async def _kept(
    settings: Settings, names: Sequence[str], first: str | None, last: str | None
) -> dict[str, Any]:
    from twicetold.parts import usage_kept

    until = last or datetime.now(UTC).date().isoformat()
    usual = max(1, date.fromisoformat(until).toordinal() - _USUAL_DAYS + 1)
    days = (first or date.fromordinal(usual).isoformat(), until)
    lines, total = await usage_kept(settings.data_dir, days, names)
    return {
        "from": days[0],
        "to": days[1],
        "currency": settings.currency,
        "rows": [{**line.group, **_figures(line)} for line in lines],
        "total": _figures(total),
        "cursor": None,
    }


def _figures(line: Any) -> dict[str, Any]:
    digits = {"audio_s": 3, "compute_s": 3, "cost": 9}
    return {name: round(getattr(line, name), digits.get(name, 0) or None) for name in _SUMS}


def _tell(told: _Row, names: Sequence[str], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        say(json.dumps(told, indent=2, ensure_ascii=False))
    elif as_csv:
        say(_csv(told["rows"], names))
    elif told["rows"]:
        show(_table(told, names))
        note(f"{told['from']} to {told['to']}, days in UTC.")
    else:
        note(f"Nothing was used from {told['from']} to {told['to']} (UTC).")


def _csv(rows: Sequence[_Row], names: Sequence[str]) -> str:
    columns = [*names, *_SUMS]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({each: _cell(row.get(each, "")) for each in columns} for row in rows)
    return text.getvalue().rstrip("\n")


def _cell(value: Any) -> Any:
    """Without an exponent, and nothing that a spreadsheet would take for a formula."""
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".")
    return f"'{value}" if str(value).startswith(("=", "+", "-", "@")) else value


def _table(told: _Row, names: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, no_wrap=True)
    tokens = _TOKENS if any(told["total"].get(name) for name in _TOKENS) else {}
    for title in ("calls", "audio", "compute", *tokens.values(), told["currency"]):
        table.add_column(title, justify="right", no_wrap=True)
    for row in told["rows"]:
        table.add_row(*(str(row.get(name, "")) for name in names), *_shown(row, tokens))
    if len(told["rows"]) > 1:
        labels = ["total", *[""] * (len(names) - 1)] if names else []
        table.add_row(*labels, *_shown(told["total"], tokens), style="bold")
    return table


def _shown(row: _Row, tokens: Iterable[str]) -> tuple[str, ...]:
    return (
        str(row["passes"]),
        f"{row['audio_s'] / 60:,.1f} min",
        f"{row['compute_s']:,.1f} s",
        *(f"{row.get(name, 0):,}" for name in tokens),
        f"{row['cost']:,.4f}",
    )
