"""From what a setting names to the directory of a model. No network: a model that is not there is
said to be missing, with the command that fetches it."""

from __future__ import annotations

import difflib
from pathlib import Path

from twicetold.engines.models.cache import Cache
from twicetold.engines.models.catalogue import ALIASES, CATALOGUE, in_catalogue
from twicetold.errors import ModelMissing, SettingError


def directory_of(engine: str, model: str, models_dir: Path | None) -> Path:
    """The directory that ``engine:model`` means: a path as it is, a name in the cache.

    ``models_dir``: where the cache is; None: paths alone are understood. Raises SettingError where
    no model was named, ModelMissing where it is not there. Blocks, for some calls of ``stat``.
    """
    if not model:
        raise SettingError(f"Engine {engine} needs a model, and none was named.", _either(engine))
    if _is_path(model):
        path = Path(model).expanduser()
        if not path.is_dir():
            message = f"Engine {engine} needs a model, and there is no directory {path}."
            raise ModelMissing(message, _either(engine))
        return path
    name = ALIASES.get((engine, model), model)
    if models_dir is not None and (cache := Cache(models_dir)).manifest(engine, name) is not None:
        return cache.directory(engine, name)
    if Path(model).is_dir():  # beside us, named without ./
        return Path(model)
    raise _missing(engine, name, models_dir)


def _is_path(model: str) -> bool:
    return "/" in model or model[0] in ".~"


def _missing(engine: str, name: str, models_dir: Path | None) -> SettingError:
    if in_catalogue(engine, name) is None:
        names = [model.name for model in CATALOGUE if model.engine == engine]
        near = difflib.get_close_matches(name, names, n=1)
        meant = f"Did you mean {engine}:{near[0]}? " if near else ""
        return ModelMissing(f"Engine {engine} knows no model {name!r}.", meant + _either(engine))
    pull = f"twicetold models pull {name}"
    where = f" in {models_dir}" if models_dir is not None else ""
    if models_dir is not None and Cache(models_dir).partial_bytes(engine, name):
        message = f"Of the model {name}, which engine {engine} needs, only a part is there{where}."
        return ModelMissing(message, pull)
    return ModelMissing(f"Engine {engine} needs the model {name}, which is not{where}.", pull)


def _either(engine: str) -> str:
    return (
        f"Name one of the catalogue (twicetold models list), or the directory that it lies in: "
        f"{engine}:/models/NAME. docs/engines.md says more."
    )
