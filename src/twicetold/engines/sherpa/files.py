"""Which of a directory's files are the model: exports carry their settings in their names
(``encoder-epoch-99-avg-1-chunk-16-left-128.int8.onnx``), and some lie beside others."""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass
from pathlib import Path

from twicetold.errors import EngineFailed, SettingError

_PARTS = ("encoder", "decoder", "joiner")
_GRAPH = re.compile(r"(encoder|decoder|joiner)(.*?)(\.int8)?\.onnx")
_TOKENS = "tokens.txt"


@dataclass(frozen=True, slots=True)
class Files:
    """``quantized``: whether one of the graphs is of 8 bits."""

    tokens: Path
    encoder: Path
    decoder: Path
    joiner: Path

    @property
    def quantized(self) -> bool:
        return any(".int8." in path.name for path in (self.encoder, self.decoder, self.joiner))


def files_of(directory: Path) -> Files:
    """The three graphs of one export, of 32 bits each where both lie there; of several exports
    the last by its name. Raises SettingError: which file is missing."""
    exports: dict[str, dict[str, Path]] = {}
    for path in sorted(directory.glob("*.onnx"), reverse=True):  # .int8 lies before .onnx
        if match := _GRAPH.fullmatch(path.name):
            part, export, _ = match.groups()
            exports.setdefault(export, {}).setdefault(part, path)
    by_worth = sorted(exports, key=lambda name: (len(exports[name]), _natural(name)))
    graphs = exports[by_worth[-1]] if by_worth else {}
    missing = [f"{part}….onnx" for part in _PARTS if part not in graphs]
    if not (directory / _TOKENS).is_file():
        missing.append(_TOKENS)
    if missing:
        raise SettingError(
            f"The sherpa-onnx model in {directory} lacks {', '.join(missing)}.",
            "Get it whole: twicetold models pull NAME, or any streaming transducer of sherpa-onnx; "
            "docs/engines.md says more.",
        )
    return Files(directory / _TOKENS, graphs["encoder"], graphs["decoder"], graphs["joiner"])


def _natural(name: str) -> list[int]:
    """By the numbers in it: left-128 is behind left-64."""
    return [int(number) for number in re.findall(r"\d+", name)]


def check_contents(files: Files) -> None:
    """The package ends the process, or worse, at what it cannot read: it is looked at before.

    Raises EngineFailed.
    """
    for path in (files.encoder, files.decoder, files.joiner):
        if path.stat().st_size == 0:
            raise EngineFailed(f"{path} is empty.", "Get the model again.")
    with (
        files.encoder.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        if content.rfind(b"model_type") < 0:
            raise EngineFailed(
                f"{files.encoder} does not say of what kind it is.",
                "It takes an export made for sherpa-onnx, whose graphs carry their settings.",
            )
    tokens_in(files.tokens)


def tokens_in(path: Path) -> list[str]:
    """The tokens, as they are written in the file. Raises EngineFailed for one that is no list of
    tokens and their numbers."""
    tokens = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            token, _, number = line.rpartition(" ")
            int(number)
            tokens.append(token)
    except (OSError, ValueError) as error:
        raise EngineFailed(
            f"{path} is no list of tokens and their numbers.", "Get the model again."
        ) from error
    return tokens
