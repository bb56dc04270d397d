"""The sample calls."""

from __future__ import annotations

import json
from pathlib import Path

from twicetold.engines import Sound
from twicetold.errors import RecordingNotFound

_SUFFIX = ".stereo.flac"


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


async def spoken_sample() -> Sound | None:
    """A sentence that comes with the package; None where it was left out."""
    import asyncio

    from twicetold.cli.live_call import opened

    folder = samples_folder()
    if folder is None or not await asyncio.to_thread((folder / "hello.flac").exists):
        return None
    async with opened(folder / "hello.flac") as decoding:
        pcm = b"".join([block async for block in decoding.blocks()])
        return Sound(pcm, decoding.info.rate)


def _length_s(path: Path) -> float:
    """The length that a sample's reference states."""
    try:
        reference = path.with_name(path.name.removesuffix(_SUFFIX) + ".json")
        return float(json.loads(reference.read_text(encoding="utf-8"))["length_s"])
    except (OSError, ValueError, KeyError):
        return float("inf")
