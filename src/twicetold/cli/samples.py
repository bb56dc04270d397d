"""The sample calls and their exact references."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twicetold.errors import RecordingNotFound
from twicetold.speech.transcript import Segment

_SUFFIX = ".stereo.flac"


@dataclass(frozen=True, slots=True)
class Reference:
    """What is said in a sample, by channel, and who says it."""

    words: Mapping[int, str]
    names: Mapping[int, str]
    language: str

    def wer(self, segments: Iterable[Segment]) -> float:
        """The word error rate of a transcript against it, channels scored apart."""
        from twicetold.speech.scoring import channel_errors, normalise

        heard: dict[int, list[str]] = {}
        for segment in sorted(segments, key=lambda segment: segment.start):
            heard.setdefault(segment.channel, []).append(segment.text)
        return channel_errors(
            {c: normalise(text, self.language) for c, text in self.words.items()},
            {c: normalise(" ".join(texts), self.language) for c, texts in heard.items()},
        ).wer


def samples_folder() -> Path | None:
    """Where the sample calls are: ``samples/calls`` of the checkout that this package runs from,
    or the one call that an installed package carries."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parents[1] / "samples" / "calls", package / "samples"):
        if folder.is_dir():
            return folder
    return None


def sample_call() -> Path:
    """The shortest of the two-party sample calls. Raises RecordingNotFound where there is none."""
    folder = samples_folder()
    calls = sorted(folder.glob(f"*{_SUFFIX}")) if folder is not None else []
    if not calls:
        raise RecordingNotFound(
            "This installation has lost its sample call.",
            "Play a recording of your own: twicetold demo --file FILE",
        )
    return min(calls, key=lambda path: (_length_s(path), path.name))


def reference_of(recording: Path) -> Reference | None:
    """The reference beside a recording (``NAME.json`` for ``NAME.stereo.flac`` and its kin), None
    where there is none that names it."""
    path = recording.parent / f"{recording.name.split('.')[0]}.json"
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        return _reference(body, mono=body["files"][recording.name]["channels"] == 1)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # another file that happens to have that name


def _reference(body: Mapping[str, Any], *, mono: bool) -> Reference:
    texts: dict[int, list[str]] = {}
    for utterance in sorted(body["utterances"], key=lambda utterance: utterance["start"]):
        channel = 0 if mono else int(utterance["channel"])
        texts.setdefault(channel, []).append(str(utterance["text"]))
    names = {int(channel["channel"]): str(channel["speaker"]) for channel in body["channels"]}
    return Reference(
        words={channel: " ".join(lines) for channel, lines in texts.items()},
        names={} if mono else names,
        language=str(body["language"]),
    )


def _length_s(path: Path) -> float:
    """The length that a sample's reference states."""
    try:
        reference = path.with_name(path.name.removesuffix(_SUFFIX) + ".json")
        return float(json.loads(reference.read_text(encoding="utf-8"))["length_s"])
    except (OSError, ValueError, KeyError):
        return float("inf")
