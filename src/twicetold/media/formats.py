"""The sound formats that are read here: one table of names for the decoder, the gateway, the
drop folder and the command line. What is not in it, the decoder refuses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """``container`` as ``SoundInfo`` names it, FFmpeg's names of what reads it, and the suffixes
    with their content types; the first suffix is the one that an upload gets."""

    container: str
    demuxers: tuple[str, ...]
    media_types: dict[str, str]

    @property
    def suffix(self) -> str:
        return next(iter(self.media_types))


# Told by its name alone, as its bytes say nothing: 8,000 Hz, one channel (ITU-T G.711).
RAW_MULAW = Format(
    "mulaw",
    ("mulaw",),
    {".ulaw": "audio/basic", ".ul": "audio/basic", ".mulaw": "audio/basic"},
)
FORMATS = (
    Format("wav", ("wav",), {".wav": "audio/wav"}),
    Format("w64", ("w64",), {".w64": "audio/x-w64"}),
    Format("mp3", ("mp3",), {".mp3": "audio/mpeg"}),
    Format("flac", ("flac",), {".flac": "audio/flac"}),
    Format("ogg", ("ogg",), {".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg"}),
    Format("matroska", ("matroska",), {".mkv": "video/x-matroska", ".mka": "audio/x-matroska"}),
    Format("webm", ("webm",), {".webm": "audio/webm"}),
    Format(
        "mp4",
        ("mov", "mp4", "m4a"),
        {".m4a": "audio/mp4", ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime"},
    ),
    Format("aac", ("aac",), {".aac": "audio/aac"}),
    Format("au", ("au",), {".au": "audio/basic"}),
    Format("aiff", ("aiff",), {".aiff": "audio/aiff", ".aif": "audio/aiff"}),
    RAW_MULAW,
)

MEDIA_TYPES = {suffix: kind for one in FORMATS for suffix, kind in one.media_types.items()}
SUFFIXES = frozenset(MEDIA_TYPES)
SUFFIX_OF_CONTAINER = {one.container: one.suffix for one in FORMATS}
# Raw sound is read only where it is named: any bytes at all would pass for it.
DEMUXERS_BY_CONTENT = tuple(
    name for one in FORMATS if one is not RAW_MULAW for name in one.demuxers
)
