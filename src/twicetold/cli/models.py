"""``twicetold models``: which models there are, and which of them are on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twicetold.cli.console import err, note, say, show
from twicetold.cli.options import ConfigOption, SetOption, settings_of

if TYPE_CHECKING:
    from rich.table import Table

    from twicetold.parts import Cache, Model

app = typer.Typer(no_args_is_help=True, help="The models of engines: list, fetch, remove, find.")

NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The model: tiny, or as settings say it, whisper:tiny."),
]
DirectoryOption = Annotated[
    Path | None,
    typer.Option("--models-dir", metavar="DIR", help="Where models lie (default: see config)."),
]
HubOption = Annotated[
    str | None,
    typer.Option("--models-hub", metavar="URL", help="Where to fetch from: a mirror."),
]


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    models_dir: DirectoryOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """List the models that can be fetched, and which of them are here. Needs no network."""
    from twicetold.parts import model_cache, models_here

    cache = model_cache(settings_of(sets=set_, config=config, models_dir=models_dir).settings)
    rows = [_row(model, cache) for model in models_here()]
    known = {(row["engine"], row["name"]) for row in rows}
    rows += [
        row for row in map(_own_row, cache.pulled()) if (row["engine"], row["name"]) not in known
    ]
    if as_json:
        say(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    show(_table(rows))
    note(f"Those that are here lie in {cache.root}. To fetch one: twicetold models pull NAME")


@app.command("pull")
def pull(
    name: NameArgument,
    revision: Annotated[
        str | None, typer.Option(help="Another commit, tag or branch of its repository.")
    ] = None,
    models_dir: DirectoryOption = None,
    models_hub: HubOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Fetch a model, going on from what is there, and print the directory in which it lies.

    What is stopped, by Ctrl-C or otherwise, goes on with the same command.
    """
    from twicetold.cli.pull_progress import PullProgress, size
    from twicetold.parts import model_named, pull_model

    settings = settings_of(
        sets=set_, config=config, models_dir=models_dir, models_hub=models_hub
    ).settings
    model = model_named(name)
    with PullProgress(err(), model.full_name) as progress:
        pulled = pull_model(settings, model, revision=revision, watcher=progress)
    if pulled.fetched_bytes:
        note(f"{model.full_name}: {size(pulled.manifest.size_bytes)}, checked.")
    else:
        note(f"{model.full_name} is there.")
    say(str(pulled.directory))


@app.command("rm")
def rm(
    name: NameArgument,
    models_dir: DirectoryOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Remove a model from this machine, whole or half fetched, and say how much that frees."""
    from twicetold.cli.pull_progress import size

    cache = _cache(models_dir, config, set_)
    engine, plain = _known(name, cache)
    there = cache.directory(engine, plain).exists() or cache.stage(engine, plain).exists()
    if not there:
        from twicetold.errors import ModelMissing

        # Who wants it gone is not told how to fetch it.
        raise ModelMissing(f"There is no {engine}:{plain} in {cache.root}: nothing to remove.")
    with cache.alone(engine, plain, lambda: note("Another process works on it; waiting.")):
        freed = cache.remove(engine, plain)
    note(f"{engine}:{plain} is removed; {size(freed)} are free again.")


@app.command("path")
def path(
    name: NameArgument,
    models_dir: DirectoryOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Print the directory in which a model lies, and nothing else. Exit code 1 if there is none."""
    cache = _cache(models_dir, config, set_)
    engine, plain = _known(name, cache)
    if cache.manifest(engine, plain) is None:
        raise _not_here(engine, plain, cache)
    say(str(cache.directory(engine, plain).absolute()))


def _cache(models_dir: Path | None, config: Path | None, sets: list[str] | None) -> Cache:
    from twicetold.parts import model_cache

    return model_cache(settings_of(sets=sets, config=config, models_dir=models_dir).settings)


def _known(name: str, cache: Cache) -> tuple[str, str]:
    """Engine and name; also of a model that is here and not in the catalogue any more. Raises
    SettingError."""
    from twicetold.parts import model_named

    for manifest in cache.pulled():
        if name in (manifest.name, f"{manifest.engine}:{manifest.name}"):
            return manifest.engine, manifest.name
    model = model_named(name)
    return model.engine, model.name


def _not_here(engine: str, name: str, cache: Cache) -> Exception:
    from twicetold.errors import ModelMissing

    part = "only a part of " if cache.partial_bytes(engine, name) else "no "
    return ModelMissing(
        f"There is {part}{engine}:{name} in {cache.root}.", f"twicetold models pull {name}"
    )


def _row(model: Model, cache: Cache) -> dict[str, Any]:
    manifest = cache.manifest(model.engine, model.name)
    partial_bytes = cache.partial_bytes(model.engine, model.name)
    return {
        "name": model.name,
        "engine": model.engine,
        "state": "here" if manifest else "partial" if partial_bytes else "absent",
        "size_mb": model.size_mb,
        "on_disk_bytes": manifest.size_bytes if manifest else partial_bytes,
        "languages": list(model.languages),
        "licence": model.licence,
        "good_for": model.good_for,
        "repository": model.repository,
        "revision": model.revision,
        "commit": manifest.commit if manifest else None,
        "directory": str(cache.directory(model.engine, model.name)) if manifest else None,
    }


def _own_row(manifest: Any) -> dict[str, Any]:
    """Of one that was fetched by another version, and is not in this one's catalogue."""
    return {
        "name": manifest.name,
        "engine": manifest.engine,
        "state": "here",
        "size_mb": round(manifest.size_bytes / 1e6),
        "on_disk_bytes": manifest.size_bytes,
        "languages": list(manifest.languages),
        "licence": manifest.licence,
        "good_for": "",
        "repository": manifest.repository,
        "revision": manifest.revision,
        "commit": manifest.commit,
        "directory": None,
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    from twicetold.cli.pull_progress import size

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model", no_wrap=True, min_width=max(len(_full(row)) for row in rows))
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("here", no_wrap=True)
    for title in ("languages", "licence", "good for"):
        table.add_column(title, overflow="fold")
    for row in rows:
        here = {
            "here": "yes",
            "partial": f"{size(row['on_disk_bytes'])} of it",
            "absent": "",
        }[row["state"]]
        languages = _languages(row["languages"])
        about = (_about(row["size_mb"]), here, languages, row["licence"], row["good_for"])
        table.add_row(_full(row), *about)
    return table


def _about(size_mb: int) -> str:
    """As exact as the catalogue is."""
    return f"{size_mb} MB" if size_mb < 1_000 else f"{size_mb / 1_000:.1f} GB"


def _full(row: dict[str, Any]) -> str:
    return f"{row['engine']}:{row['name']}"


def _languages(languages: list[str]) -> str:
    if languages == ["*"]:
        return "about 100"
    return ", ".join(languages) if len(languages) < 4 else f"{len(languages)} European"
