"""Where the built page lies, and whether it does; light, for commands that only ask."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent.parent / "page"
HOW_TO_BUILD = "make page   (in a checkout; a released wheel brings the page along)"


def is_built() -> bool:
    return (FOLDER / "index.html").exists()
