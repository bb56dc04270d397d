"""Tags of languages: BCP 47 (``en-GB``), or as operating systems write them (``en_GB``)."""

from __future__ import annotations


def primary_language(tag: str) -> str:
    """The language without its region, in lower case: ``en`` of ``en-GB``, ``en_US`` and ``EN``."""
    return tag.replace("_", "-").partition("-")[0].lower()
