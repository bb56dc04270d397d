"""A transcript from a file, for commands that look at what was said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from twicetold.errors import BadParameter
from twicetold.speech.transcript import Segment, Word

_EXPECTED = (
    "Write one with twicetold transcribe FILE --format json, or take one from a server: "
    "twicetold calls show CALL_ID --format json"
)

TranscriptArgument = Annotated[
    Path, typer.Argument(metavar="TRANSCRIPT", help="A transcript, as JSON.")
]
RolesOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES", help="Who speaks on each channel, the first one first: agent,customer."
    ),
]


@dataclass(frozen=True, slots=True)
class Heard:
    """A call as a file tells it. ``roles``: who speaks on each channel, where that is known."""

    segments: tuple[Segment, ...]
    length_s: float
    language: str
    roles: Mapping[int, str]


def read_transcript(path: Path, roles: str | None = None) -> Heard:
    """A transcript as ``transcribe`` and the API write it, or a sample call's reference. Blocks.

    Raises BadParameter for anything else, and for roles that are none.
    """
    try:
        body = json.loads(path.read_text(encoding="utf-8-sig"))
        heard = _of_sample(body) if "utterances" in body else _of_transcript(body)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadParameter(f"{path} is no transcript.", _EXPECTED) from None
    if roles is None:
        return heard
    return Heard(heard.segments, heard.length_s, heard.language, _roles(roles))


def _of_transcript(body: Mapping[str, Any]) -> Heard:
    segments = tuple(Segment.from_dict(each) for each in body["segments"])
    ends = [segment.end for segment in segments]
    length_s = float(body.get("length_s") or max(ends, default=0.0))
    return Heard(segments, length_s, str(body.get("language") or "en"), {})


def _of_sample(body: Mapping[str, Any]) -> Heard:
    segments = tuple(
        Segment(
            one["number"],
            one["channel"],
            float(one["start"]),
            float(one["end"]),
            one["text"],
            tuple(Word(word["start"], word["end"], word["text"]) for word in one["words"]),
        )
        for one in body["utterances"]
    )
    roles = {one["channel"]: one["speaker"] for one in body["channels"]}
    return Heard(segments, float(body["length_s"]), body["language"], roles)


def _roles(text: str) -> Mapping[int, str]:
    from twicetold.enrich.wishes import parse_roles

    try:
        return dict(enumerate(parse_roles(text)))
    except ValueError:
        raise BadParameter(
            f"--roles got {text!r}; it takes names for the channels, such as agent,customer."
        ) from None
