from __future__ import annotations

import pytest
import structlog

from twicetold.broker import Group, Topic
from twicetold.broker import shared as module
from twicetold.broker.shared import check_group, until_reached

pytestmark = pytest.mark.unit


async def attempts_until(count: int) -> list[float]:
    """The waits that were told before the attempt of that number, which succeeds."""
    made = 0

    async def attempt() -> None:
        nonlocal made
        made += 1
        if made < count:
            raise ConnectionError("nobody there")

    with structlog.testing.capture_logs() as logs:
        await until_reached(
            attempt,
            ConnectionError,
            lambda error: (str(error), "Look."),
            event="away",
            shown="x://host",
        )
    assert made == count
    told = {
        (line["event"], line["setting"], line["url"], line["error"], line["hint"]) for line in logs
    }
    assert told == {("away", "broker", "x://host", "nobody there", "Look.")}
    return [line["again_in_s"] for line in logs]


async def test_it_tries_until_it_succeeds_each_time_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(module, "_LONGEST_WAIT_S", 0.003)
    assert await attempts_until(5) == [0.001, 0.002, 0.003, 0.003]


async def test_what_a_person_must_mend_is_raised_at_once() -> None:
    async def attempt() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await until_reached(
            attempt, ConnectionError, lambda _: ("", ""), event="away", shown="x://host"
        )


def test_captions_have_no_groups_and_finals_are_for_the_recorder() -> None:
    check_group(Topic.AUDIO, Group.LIVE)
    check_group(Topic.FINALS, Group.RECORD)
    for topic, group in ((Topic.CAPTIONS, Group.RECORD), (Topic.FINALS, Group.LIVE)):
        with pytest.raises(ValueError, match=group):
            check_group(topic, group)
