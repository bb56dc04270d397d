"""What is kept beside a model's files: where they came from, and what they are. It is written last,
so a directory that has one is whole."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST = "twicetold-model.json"


@dataclass(frozen=True, slots=True)
class KeptFile:
    """``path`` in the model's directory; ``sha256`` as computed from what lies there."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """``revision`` is what was asked for, ``commit`` what that was on ``pulled_at`` (ISO 8601)."""

    engine: str
    name: str
    hub: str
    repository: str
    revision: str
    commit: str
    licence: str
    languages: tuple[str, ...]
    pulled_at: str
    files: tuple[KeptFile, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Raises ValueError for a text that is none."""
        try:
            values = json.loads(text)
            files = tuple(KeptFile(**file) for file in values.pop("files"))
            return cls(**values | {"files": files, "languages": tuple(values["languages"])})
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"no manifest: {error}") from error


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest of a model that lies there whole: all files, each of its size. Blocks."""
    try:
        manifest = Manifest.from_json((directory / MANIFEST).read_text(encoding="utf-8"))
        sizes = [(directory / file.path).stat().st_size for file in manifest.files]
    except (OSError, ValueError):
        return None
    return manifest if sizes == [file.size_bytes for file in manifest.files] else None
