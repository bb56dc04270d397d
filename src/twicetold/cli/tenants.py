"""``twicetold tenants``: who may use the server. A key is shown once; only its hash is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twicetold.cli.console import note, say
from twicetold.cli.options import ConfigOption, DataDirOption, settings_of

if TYPE_CHECKING:
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


def _open(
    tenants_file: Path | None, data_dir: Path | None, config: Path | None
) -> tuple[Tenants, Path]:
    from twicetold.tenants import Tenants

    settings = settings_of(tenants_file=tenants_file, data_dir=data_dir, config=config).settings
    return Tenants.load(settings.tenants_path), settings.tenants_path
