"""How ``twicetold calls`` shows a call."""

from __future__ import annotations

from typing import Any

import pytest

from twicetold.cli.calls import _headline, _table

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("provisional", [True, False])
def test_a_stand_ins_transcript_is_called_provisional(provisional: bool) -> None:
    call: dict[str, Any] = {
        "call_id": "support-17",
        "status": "done",
        "source": "live",
        "started_at": 1_795_696_226.4,
        "length_s": 6.0,
        "provisional": provisional,
    }
    word = "done, provisional" if provisional else "done"
    assert _headline(call) == f"support-17 · {word} · 0:06"
    (shown,) = [column for column in _table([call]).columns if column.header == "status"]
    assert list(shown.cells) == [word]
