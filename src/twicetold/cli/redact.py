"""``twicetold redact``: a text, or a transcript, without personal data."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twicetold.cli.console import note, say
from twicetold.errors import BadParameter, SettingError

if TYPE_CHECKING:
    from twicetold.enrich.redaction import Policy, Redacted
    from twicetold.speech.transcript import Segment

_SPEAKER = re.compile(r"\s*([A-Za-z][\w ]{0,30}):(?=\s|$)\s*")
_SIDES = frozenset({"agent", "customer", "caller", "client", "user", "rep", "representative"})
_KEY = b"twicetold redact"  # pseudonyms of a trial: those of a tenant have a key of its own


def redact(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="Text, a turn a line, each with 'agent:' or 'customer:' before it or not; or a "
            "transcript as JSON. Default: standard input.",
        ),
    ] = None,
    kinds: Annotated[
        str, typer.Option(metavar="KINDS", help="all, or some, separated by commas.")
    ] = "all",
    style: Annotated[
        str, typer.Option(metavar="STYLE", help="label, mask or pseudonym.")
    ] = "label",
    language: Annotated[str, typer.Option(metavar="CODE", help="Language of the text.")] = "en",
    finders: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="FINDERS",
            help="What finds more: presidio, and a model for names, spacy:NAME or gliner:NAME.",
        ),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Also what was removed: kind, line, words; no values.")
    ] = False,
) -> None:
    """Show a text without its personal data: what redaction would make of it, on this machine."""
    from twicetold.enrich.redaction import Redactor
    from twicetold.enrich.redaction.finders import finders_of

    redactor = Redactor(language, _policy(kinds, style), finders_of(_finders(finders)))
    text = _text_of(file)
    segments, names = _segments(text)
    found = redactor.redact(segments)
    if as_json:
        say(json.dumps(_told(found, names), indent=2, ensure_ascii=False))
        return
    for name, segment in zip(names, found.segments, strict=True):
        say(f"{name}{segment.text}")
    note(_summary(found))


def _text_of(file: Path | None) -> str:
    try:
        body = sys.stdin.buffer.read() if file is None else file.read_bytes()
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = "Standard input" if file is None else str(file)
        hint = "It takes what was said, a line a turn; of a recording, transcribe it first."
        raise BadParameter(f"{what} is no text in UTF-8.", hint) from error


def _policy(kinds: str, style: str) -> Policy:
    from twicetold.enrich.redaction import checked_policy

    wanted = [name.strip() for name in kinds.split(",") if name.strip()] or [kinds]
    try:
        return checked_policy(wanted, style, _KEY, named=("--kinds", "--style"))
    except SettingError as error:
        raise BadParameter(error.message) from None


def _finders(text: str) -> tuple[str, ...]:
    from twicetold.enrich.redaction.finders import SHAPE, parse_finders

    try:
        return parse_finders(text)
    except ValueError as error:
        raise BadParameter(f"--with got {str(error)!r}; it takes {SHAPE}.") from error


def _segments(text: str) -> tuple[list[Segment], list[str]]:
    """A segment a line, or those of a transcript; and what stood before each."""
    from twicetold.speech.transcript import Segment

    if text.lstrip().startswith("{"):
        segments = _of_transcript(text)
        return segments, ["" for _ in segments]
    segments, names = [], []
    for number, line in enumerate(text.splitlines(), 1):
        name = _SPEAKER.match(line)
        side = name[1].strip().lower() if name is not None else ""
        known = side in _SIDES or side.startswith("speaker")
        prefix = line[: name.end()] if name is not None and known else ""
        speaker = side if known else None
        body = line[len(prefix) :]
        segments.append(Segment(number, 0, float(number), float(number + 1), body, speaker=speaker))
        names.append(prefix)
    return segments, names


def _of_transcript(text: str) -> list[Segment]:
    """The segments of a transcript as the API gives it. Raises BadParameter."""
    from twicetold.speech.transcript import Segment

    try:
        body = json.loads(text)
        segments = [Segment.from_dict(segment) for segment in body["segments"]]
        "".join(segment.text for segment in segments).encode()  # half a character is no text
        return segments
    except (ValueError, KeyError, TypeError) as error:
        raise BadParameter(
            "The file begins like JSON, and is no transcript.",
            "Give it a transcript as 'twicetold calls show --json' writes it, or plain text.",
        ) from error


def _told(found: Redacted, names: Sequence[str]) -> Mapping[str, Any]:
    return {
        "lines": [n + segment.text for n, segment in zip(names, found.segments, strict=True)],
        "removed": [
            {
                "kind": each.kind,
                "line": each.segment + 1,
                "first_word": each.first_word + 1,
                "words": each.words,
            }
            for each in found.removed
        ],
    }


def _summary(found: Redacted) -> str:
    counts: dict[str, int] = {}
    for each in found.removed:
        counts[each.kind] = counts.get(each.kind, 0) + 1
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    return f"Removed: {told or 'nothing'}."
