"""Drawing with matplotlib, which comes with the extra ``bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twicetold.errors import MissingExtra

INSTALL = "pip install 'twicetold[bench]'"


def pyplot() -> Any:
    """matplotlib's drawing half, without a screen. Raises MissingExtra."""
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtra("Drawing the picture needs matplotlib.", INSTALL) from error
    matplotlib.use("agg")
    from matplotlib import pyplot as plotting

    return plotting


def write_picture(figure: Any, path: Path) -> None:
    """As PNG or SVG, by the suffix; the same figure gives the same SVG on any day."""
    figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
