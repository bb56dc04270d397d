"""Writes the API's description to ``web/openapi.json``, from which the page's types are made.

    uv run python -m docs.make_openapi

``tests/unit/gateway/test_openapi.py`` fails where the file says something else than the server.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from unittest.mock import MagicMock

from twicetold.gateway.app import create_app

FILE = Path(__file__).resolve().parents[1] / "web" / "openapi.json"


def described() -> str:
    """What ``/openapi.json`` answers, in lines; the carriers are not needed to say it."""
    with tempfile.TemporaryDirectory() as folder:
        platform = MagicMock()
        platform.settings.data_dir = Path(folder)
        description = create_app(platform).openapi()
    return json.dumps(description, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(described(), encoding="utf-8")
