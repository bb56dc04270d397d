"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from twicetold.config import LOG_LEVELS, Loaded, load, server_address
from twicetold.errors import BadParameter, SettingError

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings file (TWICETOLD_CONFIG; default: ./twicetold.toml).",
    ),
]
DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", metavar="DIR", help="Where everything is kept.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; may be repeated."),
]
HostOption = Annotated[str | None, typer.Option(help="Address to bind to.")]
PortOption = Annotated[int | None, typer.Option(help="Port to listen on; 0: any free one.")]
TenantsFileOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Tenants and their hashed keys.")
]
LiveEngineOption = Annotated[str | None, typer.Option(help="Engine for live captions.")]
BatchEngineOption = Annotated[str | None, typer.Option(help="Engine for the canonical transcript.")]
LanguageOption = Annotated[str | None, typer.Option(help="Language of calls that name none.")]
LogLevelOption = Annotated[str | None, typer.Option(help=", ".join(LOG_LEVELS) + ".")]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", help="The server (TWICETOLD_URL; default: this machine's)."
    ),
]
KeyOption = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="The tenant's key (TWICETOLD_KEY).")
]


def settings_of(*, sets: list[str] | None = None, **flags: object | None) -> Loaded:
    """Settings from all sources; ``sets`` are NAME=VALUE texts, over which a flag wins."""
    values: dict[str, object | None] = {}
    for pair in sets or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise SettingError(f"--set got {name!r}; it takes NAME=VALUE.")
        values[name.strip().replace("-", "_")] = value
    return load(values | {name: value for name, value in flags.items() if value is not None})


def outcomes_of(told: list[str], got: str) -> dict[str, str]:
    """What came of a call, by name, of NAME=VALUE texts; ``got`` begins the message of a
    mistake."""
    found: dict[str, str] = {}
    for text in told:
        name, _, value = (part.strip() for part in text.partition("="))
        if not (name and value):
            raise BadParameter(f"{got} {text!r}; it takes NAME=VALUE.")
        if name in found:
            raise BadParameter(f"{got} {name!r} twice; a call has one of each.")
        found[name] = value
    return found


def server_of(
    url: str | None, key: str | None, config: Path | None = None
) -> tuple[str, str | None]:
    """Address and key of the server that a command talks to."""
    return server_address(load({"config": config}).settings, url, key)
