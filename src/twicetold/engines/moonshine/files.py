"""What a model's directory holds, before the package is given it: that says of a missing or damaged
file no more than "unknown error", and of one kind of them nothing at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from twicetold.errors import EngineFailed, SettingError

CONFIG, TOKENIZER = "streaming_config.json", "tokenizer.bin"
# The decoder with one more output: where it looked, and so when each word was said.
DECODER, LOOKING_DECODER = "decoder_kv.ort", "decoder_kv_with_attention.ort"
_FRONTENDS = (("frontend.model.ort", "frontend.weights.ort"), ("frontend.ort",))
_GRAPHS = ("encoder.ort", "adapter.ort", "cross_kv.ort")
_ORT_MARK = slice(4, 8), b"ORTM"  # of onnxruntime's own format


@dataclass(frozen=True, slots=True)
class Files:
    """``looking``: whether the decoder tells when words were. ``lookahead`` frames (of 0.02 s)
    must follow a frame before the encoder gives it away."""

    directory: Path
    names: tuple[str, ...]
    looking: bool
    lookahead: int

    @contextmanager
    def view(self) -> Iterator[Path]:
        """The directory as the package should read it: with one decoder, the better one.

        It would load the plain decoder first, and keep quiet where the other cannot be loaded.
        """
        if not self.looking:
            yield self.directory
            return
        try:
            place = TemporaryDirectory(prefix="twicetold-moonshine-")
        except OSError as error:
            raise EngineFailed(
                "Engine moonshine found no directory for temporary files.",
                "It keeps links there while it loads; TMPDIR names another.",
            ) from error
        with place as view:
            for name in self.names:
                seen_as = DECODER if name == LOOKING_DECODER else name
                (Path(view) / seen_as).symlink_to(self.directory / name)
            yield Path(view)


def directory_in(directory: Path) -> Path:
    """Where the files lie: there, or in the folder of the hub's repository below it."""
    if (directory / CONFIG).is_file():
        return directory
    below = sorted(directory.rglob(CONFIG))
    return below[-1].parent if below else directory


def files_of(directory: Path) -> Files:
    """Raises SettingError: which file is missing; EngineFailed for a configuration that is none."""
    place = directory_in(directory).absolute()
    there = {path.name for path in place.iterdir()} if place.is_dir() else set()
    decoder = LOOKING_DECODER if LOOKING_DECODER in there else DECODER
    frontend = next((names for names in _FRONTENDS if there.issuperset(names)), _FRONTENDS[0])
    names = (CONFIG, TOKENIZER, *frontend, *_GRAPHS, decoder)
    if missing := [name for name in names if name not in there]:
        raise SettingError(
            f"The Moonshine model in {directory} lacks {', '.join(missing)}.",
            "It takes a streaming one, whole: twicetold models pull NAME, or what moonshine-voice "
            "fetches; docs/engines.md says more.",
        )
    return Files(place, names, decoder == LOOKING_DECODER, _lookahead(place / CONFIG))


def check_contents(files: Files) -> None:
    """Raises EngineFailed for a graph that is none."""
    where, mark = _ORT_MARK
    for name in files.names:
        path = files.directory / name
        if name.endswith(".ort"):
            with path.open("rb") as file:
                if file.read(8)[where] != mark:
                    raise EngineFailed(f"{path} is no graph of onnxruntime.", "Get it again.")


def _lookahead(path: Path) -> int:
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["total_lookahead"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineFailed(
            f"{path} is no configuration of a streaming model.", "Get the model again."
        ) from error
