"""``twicetold tenants``: who may use the server. A key is shown once; only its hash is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twicetold.cli.console import note, run, say
from twicetold.cli.options import ConfigOption, DataDirOption, settings_of
from twicetold.errors import BadParameter, NotFound, SettingError
from twicetold.speech.identity import DEFAULT_TENANT

if TYPE_CHECKING:
    from twicetold.config import Settings
    from twicetold.tenants import Tenant, Tenants

app = typer.Typer(no_args_is_help=True, help="Who may use the server, and their keys.")

_LONGEST_PATH = 4_096
_MOST_FILE_LETTERS = 100_000  # far more than a vocabulary may have
# By workers as they start; a shadow's engine is opened when it is needed.
_OPENED = ("live_engine", "live_final_engine", "batch_engine")

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
    settings = settings_of(tenants_file=tenants_file, data_dir=data_dir, config=config).settings
    tenants, path = _tenants_of(settings)
    first = tenants.open_mode and name != DEFAULT_TENANT
    key = tenants.add(name)
    if first and (settings.data_dir / "transcripts.sqlite3").exists():
        note(f"Calls of before belong to {DEFAULT_TENANT}, and everybody needs a key from now on.")
        note(f"To reach them, add a tenant of that name: twicetold tenants add {DEFAULT_TENANT}")
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
    """Refuse a tenant's key from now on, and disable its webhooks. Its calls are kept."""
    from twicetold.parts import silence_webhooks

    settings = settings_of(tenants_file=tenants_file, data_dir=data_dir, config=config).settings
    tenants, _ = _tenants_of(settings)
    silenced = 0
    if any(tenant.name == name for tenant in tenants.list()):  # first: what fails can be repeated
        silenced = run(silence_webhooks(settings.data_dir, name))
    tenants.remove(name)
    note(f"Tenant {name} is removed; its calls are kept.")
    if silenced:
        note(f"Webhook endpoints of it that are told nothing more: {silenced}.")


@app.command("set")
def set_(
    name: NameArgument,
    wishes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WISH=VALUE…",
            help="live_engine, live_final_engine, batch_engine: engines in order of preference; "
            "allow_remote: the remote ones its sound may go to; languages: those that its calls "
            "may be in, such as de|en; shadow_engine, shadow_live_engine: those whose text is only "
            "compared, shadow_share: for which share of the calls, 0 to 1; speakers, "
            "channel_roles, redact, redact_with, redact_style, redact_sound, keep_original_h, "
            "sentiment, lead_rubric, rules: what is made of its calls, as the settings of these "
            "names. Without a value: as the server.",
        ),
    ] = None,
    vocabulary: Annotated[
        str | None,
        typer.Option(
            "--vocabulary",
            metavar="FILE|WORDS",
            help="Words and phrases that its calls may have, the most important first: a file with "
            "one a line, or the words themselves with commas between them; '' for none.",
        ),
    ] = None,
    tenants_file: FileOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Give a tenant engines of its own, say which remote ones may hear it, what it talks about, and
    what is made of its calls.

    For example: twicetold tenants set acme allow_remote=openai batch_engine=openai:whisper-1
    """
    from twicetold.choice.wishes import WISH_NAMES
    from twicetold.parts import refuse_unknown_engines, takes_vocabulary

    told = dict(_wish(text) for text in wishes or ())
    if vocabulary is not None:
        told["vocabulary"] = _vocabulary(vocabulary)
    if not told:
        raise BadParameter("Nothing is set.", "Write WISH=VALUE or --vocabulary FILE.")
    settings = settings_of(tenants_file=tenants_file, data_dir=data_dir, config=config).settings
    for wish, value in told.items():
        if wish in WISH_NAMES:
            refuse_unknown_engines(settings, wish, value or "")
    told |= _files_of(told)
    _check_enrichment(told)
    tenants, _ = _tenants_of(settings)
    now = tenants.wish(name, told)
    _show(now)
    _warn_of_remote_ones(settings, now)
    if now.wishes.vocabulary and not takes_vocabulary(settings, now.wishes):
        note("None of its engines that are known here takes a vocabulary: see docs/engines.md.")
    if any(value for wish, value in told.items() if wish in _OPENED):
        note("Workers that run open engines they do not have yet when they are started again.")


@app.command("show")
def show(
    name: NameArgument,
    tenants_file: FileOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Show where a tenant differs from the server."""
    tenants, _ = _open(tenants_file, data_dir, config)
    known = {tenant.name: tenant for tenant in tenants.list()}
    if name not in known:
        raise NotFound(f"There is no tenant {name!r}.", "See: twicetold tenants list")
    _show(known[name])


def _wish(text: str) -> tuple[str, str | None]:
    wish, equals, value = text.partition("=")
    if not equals:
        raise BadParameter(f"{text!r} sets nothing.", "Write WISH=VALUE: allow_remote=openai")
    return wish.strip(), value.strip() or None


def _files_of(told: dict[str, str | None]) -> dict[str, str | None]:
    """The files among the settings by their whole paths, for the server may have been started
    elsewhere. Raises SettingError for one that is of no use, with file, line and column."""
    from twicetold.enrich.wishes import NONE, Enrichment
    from twicetold.wiring.rule_files import DEFAULT, check_files

    paths = {
        name: str(Path(value).expanduser().resolve())
        for name in ("rules", "lead_rubric")
        if (value := told.get(name)) and value not in (DEFAULT, NONE)
    }
    check_files(Enrichment(**paths))
    return dict(paths)


def _check_enrichment(told: Mapping[str, str | None]) -> None:
    """Raises SettingError, MissingExtra or ModelMissing for what its calls would find out."""
    if speakers := told.get("speakers"):
        from twicetold.wiring.diarizers import Voices

        Voices().of(speakers)
    if finders := told.get("redact_with"):
        from twicetold.enrich.redaction.finders import finders_of, parse_finders
        from twicetold.enrich.wishes import checked_enrichment

        checked_enrichment({"redact_with": finders}, "tenants set")
        finders_of(parse_finders(finders))
    if roles := told.get("channel_roles"):
        missing = sorted({"agent", "customer"} - {role.strip() for role in roles.split(",")})
        if missing:
            note(f"The rules and the rubric that come along speak of {' and '.join(missing)} too.")


def _warn_of_remote_ones(settings: Settings, tenant: Tenant) -> None:
    from twicetold.choice.wishes import Use
    from twicetold.parts import engine_info, wishes_of

    allowed = tenant.wishes.over(wishes_of(settings)).remotes
    for name in dict.fromkeys(wish.name for use in Use for wish in tenant.wishes.of(use)):
        engine = name.partition(":")[0]
        with contextlib.suppress(SettingError):  # its model is on another machine
            if engine_info(name, settings.models_path).remote and engine not in allowed:
                note(f"The sound of {tenant.name} may not go to {engine}. To allow it:")
                note(f"twicetold tenants set {tenant.name} allow_remote={engine}")


def _vocabulary(told: str) -> str | None:
    """The words of a file or of the command line, in one line. Raises SettingError."""
    from twicetold.choice.vocabulary import parse_vocabulary
    from twicetold.choice.wishes import checked_wishes

    text = _text_of(told)
    checked_wishes({"vocabulary": text}, "--vocabulary")
    return ", ".join(parse_vocabulary(text)) or None


def _text_of(told: str) -> str:
    path = Path(told)
    looks_like_one = len(told) <= _LONGEST_PATH and "," not in told and "\n" not in told
    try:
        if looks_like_one and path.is_file():
            with path.open(encoding="utf-8") as file:
                return file.read(_MOST_FILE_LETTERS)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{told} cannot be read as text.", "It takes words in UTF-8.") from error
    if looks_like_one and ("/" in told or path.suffix):
        raise NotFound(f"There is no file {told}.", "Words are written with commas between them.")
    return told


def _show(tenant: Tenant) -> None:
    wanted = {**tenant.wishes.told(), **tenant.enrichment.told()}
    told = {wish: value for wish, value in wanted.items() if value is not None}
    for wish, value in told.items():
        say(f"{wish} = {value}")
    if not told:
        note(f"Tenant {tenant.name} has the server's engines and settings, and no remote engine.")


def _open(
    tenants_file: Path | None, data_dir: Path | None, config: Path | None
) -> tuple[Tenants, Path]:
    return _tenants_of(
        settings_of(tenants_file=tenants_file, data_dir=data_dir, config=config).settings
    )


def _tenants_of(settings: Settings) -> tuple[Tenants, Path]:
    from twicetold.tenants import Tenants

    return Tenants.load(settings.tenants_path), settings.tenants_path
