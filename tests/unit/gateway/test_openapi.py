"""The description that other front ends build on is the one that the server gives."""

from __future__ import annotations

import pytest
from docs.make_openapi import FILE, described

pytestmark = pytest.mark.unit


def test_the_file_says_what_the_server_says() -> None:
    assert FILE.read_text(encoding="utf-8") == described(), (
        "The API has changed: python -m docs.make_openapi"
    )
