"""A role with no part in running calls fails and begins again; the others end the server."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from twicetold.errors import MissingExtra
from twicetold.wiring import roles

pytestmark = pytest.mark.unit


async def test_an_unforeseen_error_ends_only_that_run_of_the_role(monkeypatch) -> None:
    monkeypatch.setattr(roles, "_FIRST_WAIT_S", 0.01)
    runs, again = 0, asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            again.set()
            await asyncio.Event().wait()
        raise ExceptionGroup("in a group", [ZeroDivisionError("what somebody said")])

    with structlog.testing.capture_logs() as logged:
        async with roles.at_work({"arrivals": roles.lasting("arrivals", work)}):
            async with asyncio.timeout(5.0):
                await again.wait()
    assert [(entry["role"], entry["error"]) for entry in logged] == [
        ("arrivals", "ZeroDivisionError")
    ] * 2
    assert logged[1]["again_in_s"] == 2 * logged[0]["again_in_s"]
    assert "what somebody said" not in str(logged)


async def test_what_only_a_person_can_mend_is_raised() -> None:
    async def work() -> None:
        raise MissingExtra("It needs an extra.")

    with pytest.raises(MissingExtra):
        await roles.lasting("batch", work)
