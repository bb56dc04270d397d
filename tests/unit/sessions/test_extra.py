"""Without its package, Redis says what to install."""

from __future__ import annotations

import sys

import pytest

from twicetold.errors import MissingExtra

pytestmark = pytest.mark.unit


def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith("twicetold.sessions.redis"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(MissingExtra, match="redis") as missing:
        __import__("twicetold.sessions.redis")
    assert missing.value.hint == "pip install 'twicetold[redis]'"
