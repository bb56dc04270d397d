"""``twicetold tenants``: who may use the server. A key is shown once; only its hash is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twicetold.cli.console import note, say
from twicetold.cli.options import ConfigOption, DataDirOption, settings_of
from twicetold.errors import BadParameter, NotFound

if TYPE_CHECKING:
    from twicetold.choice.wishes import Wishes
    from twicetold.tenants import Tenants

app = typer.Typer(no_args_is_help=True, help="Who may use the server, and their keys.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The tenant's name.")]
FileOption = Annotated[
    Path | None, typer.Option("--tenants-file", metavar="FILE", help="The tenants file.")
]


@app.command("add")
def add(
    name: NameArgument,
    tenants_file: FileOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Add a tenant and show its key, once."""
    tenants, path = _open(tenants_file, data_dir, config)
    key = tenants.add(name)
    note(f"Tenant {name} is in {path}. Its key is shown only now:")
    say(key)


@app.command("list")
def list_(
    tenants_file: FileOption = None, data_dir: DataDirOption = None, config: ConfigOption = None
) -> None:
    """Name the tenants."""
    tenants, path = _open(tenants_file, data_dir, config)
    listed = tenants.list()
    for tenant in listed:
        say(f"{tenant.name}  (key {tenant.key_id} of {tenant.created_at})")
    if tenants.open_mode:
        note(f"There is no {path}: a server that starts now takes everybody, on this machine only.")
    elif not listed:
        note(f"There are no tenants in {path}: the server lets nobody in.")


@app.command("rotate")
def rotate(
    name: NameArgument,
    tenants_file: FileOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Replace a tenant's key; the old one is refused from now on."""
    tenants, _ = _open(tenants_file, data_dir, config)
    key = tenants.rotate(name)
    note(f"The new key of tenant {name}, shown only now:")
    say(key)


@app.command("remove")
def remove(
    name: NameArgument,
    tenants_file: FileOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Refuse a tenant's key from now on. Its calls are kept."""
    tenants, _ = _open(tenants_file, data_dir, config)
    tenants.remove(name)
    note(f"Tenant {name} is removed; its calls are kept.")


@app.command("set")
def set_(
    name: NameArgument,
    wishes: Annotated[
        list[str],
        typer.Argument(
            metavar="WISH=VALUE…",
            help="live_engine, live_final_engine, batch_engine: engines in order of preference; "
            "allow_remote: the remote ones its sound may go to. Without a value: as the server.",
        ),
    ],
    tenants_file: FileOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Give a tenant engines of its own, and say which remote ones may hear it.

    For example: twicetold tenants set acme allow_remote=openai batch_engine=openai:whisper-1
    """
    from twicetold.parts import refuse_unknown_engines

    told = dict(_wish(text) for text in wishes)
    settings = settings_of(tenants_file=tenants_file, data_dir=data_dir, config=config).settings
    for wish, value in told.items():
        refuse_unknown_engines(settings, wish, value or "")
    tenants, _ = _open(tenants_file, data_dir, config)
    _show(name, tenants.wish(name, told))
    if any(value for wish, value in told.items() if wish != "allow_remote"):
        note("Workers that run open engines they do not have yet when they are started again.")


@app.command("show")
def show(
    name: NameArgument,
    tenants_file: FileOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Show where a tenant's engines differ from the server's."""
    tenants, _ = _open(tenants_file, data_dir, config)
    known = {tenant.name: tenant.wishes for tenant in tenants.list()}
    if name not in known:
        raise NotFound(f"There is no tenant {name!r}.", "See: twicetold tenants list")
    _show(name, known[name])


def _wish(text: str) -> tuple[str, str | None]:
    wish, equals, value = text.partition("=")
    if not equals:
        raise BadParameter(f"{text!r} sets nothing.", "Write WISH=VALUE: allow_remote=openai")
    return wish.strip(), value.strip() or None


def _show(name: str, wishes: Wishes) -> None:
    told = {wish: value for wish, value in wishes.told().items() if value is not None}
    for wish, value in told.items():
        say(f"{wish} = {value}")
    if not told:
        note(f"Tenant {name} has the server's engines, and no remote one that they do not allow.")


def _open(
    tenants_file: Path | None, data_dir: Path | None, config: Path | None
) -> tuple[Tenants, Path]:
    from twicetold.tenants import Tenants

    settings = settings_of(tenants_file=tenants_file, data_dir=data_dir, config=config).settings
    return Tenants.load(settings.tenants_path), settings.tenants_path
