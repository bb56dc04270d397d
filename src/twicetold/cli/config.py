"""``twicetold config``: every setting, its value and where it came from."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from twicetold.cli.console import say, show
from twicetold.cli.options import ConfigOption, DataDirOption, SetOption, settings_of
from twicetold.config import Loaded, about_settings, shown


class Form(StrEnum):
    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


def config(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    set_: SetOption = None,
    form: Annotated[Form, typer.Option("--format", help="How to show them.")] = Form.TABLE,
) -> None:
    """Show every setting, its value and where it came from.

    Settings come from twicetold.toml, TWICETOLD_* variables and flags; the later wins.
    """
    from twicetold.parts import enrichment_of, prices_of

    loaded = settings_of(sets=set_, config=config, data_dir=data_dir)
    prices_of(loaded.settings)
    enrichment_of(loaded.settings)
    if form is Form.JSON:
        say(json.dumps(_as_data(loaded), indent=2, ensure_ascii=False))
    elif form is Form.MARKDOWN:
        say(markdown())
    else:
        _show_table(loaded)


def markdown() -> str:
    """The table of settings for the README."""
    lines = ["| setting | default | takes | meaning |", "| --- | --- | --- | --- |"]
    for about in about_settings():
        default = f"`{about.default}`" if about.default else "unset"
        takes = about.takes.replace("|", "\\|")
        lines.append(f"| `{about.name}` | {default} | {takes} | {about.meaning} |")
    return "\n".join(lines)


def _value(loaded: Loaded, name: str) -> str | None:
    return shown(name, getattr(loaded.settings, name))


def _as_data(loaded: Loaded) -> dict[str, dict[str, str | None]]:
    return {
        about.name: {
            "value": _value(loaded, about.name),
            "source": loaded.sources[about.name],
            "default": about.default or None,
            "takes": about.takes,
            "meaning": about.meaning,
        }
        for about in about_settings()
    }


def _show_table(loaded: Loaded) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("setting", "value", "from", "meaning"):
        table.add_column(title, overflow="fold")
    for about in about_settings():
        source = loaded.sources[about.name]
        style = "dim" if source == "default" else "green"
        value = _value(loaded, about.name) or "unset"
        table.add_row(about.name, Text(value), Text(source, style), Text(about.meaning, "dim"))
    show(table)
