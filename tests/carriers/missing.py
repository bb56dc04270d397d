"""What to do where a server cannot be had: say so loudly, or fail where CARRIERS=require."""

from __future__ import annotations

import os

import pytest


def needs(server: str, lack: str | None) -> pytest.MarkDecorator:
    """The mark for tests that need ``server``; ``lack`` says what this machine has not, and how
    to get it. Raises RuntimeError instead of skipping where CARRIERS=require."""
    reason = f"NOT RUN against {server}: {lack}"
    if lack is not None and os.environ.get("CARRIERS") == "require":
        raise RuntimeError(reason)
    return pytest.mark.skipif(lack is not None, reason=reason)
