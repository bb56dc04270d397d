"""What the adapters of brokers that run as servers have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from twicetold.broker import Group, Topic
from twicetold.errors import SettingError

Away = TypeVar("Away", bound=Exception)

_log = structlog.get_logger()

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0
GROUPS = {
    Topic.AUDIO: (Group.LIVE, Group.RECORD),
    Topic.FINALS: (Group.RECORD,),
}


def check_group(topic: Topic, group: Group) -> None:
    """Raises ValueError for a group that does not read the topic."""
    if group not in GROUPS.get(topic, ()):
        raise ValueError(f"expected a topic that group {group} reads but got {topic}")


def taken(log: str, owner: str, installation: str, remedy: str) -> SettingError:
    """The log belongs to another installation: each would read the other's calls, find them
    unknown, and let them go. ``remedy`` is the command with which a log forgets its owner."""
    mine = f"this one is {installation}" if installation else "this one has no calls yet"
    return SettingError(
        f"The log {log} belongs to another installation ({owner}; {mine}).",
        "Give each installation a prefix of its own, behind the hosts in the broker's URL. Where "
        "both mean to be one, copy the file 'installation' from the other's data directory into "
        f"this one's. Where the other is no more, stop every process and run: {remedy}",
    )


def tell_missing(
    partition: str, expected: int | None, offset: int, *, anew: bool, spare: int = 0
) -> None:
    """Say in the log what lies before ``offset`` and is not there any more: what it carried is
    left to the canonical pass. ``anew``: of a group that has no position, which may have read it
    before it lost that. ``spare``: so many offsets may be the broker's own."""
    missing = offset - (expected if expected is not None else 0)
    if missing <= spare:
        return
    if expected is not None:
        _log.error("messages_expired", partition=partition, messages=missing)
    elif anew:
        meaning = "this group has no position, and begins behind them: new, or it was lost"
        _log.warning("older_messages_gone", partition=partition, messages=missing, meaning=meaning)


async def until_reached(
    attempt: Callable[[], Awaitable[object]],
    away: type[Away],
    reason: Callable[[Away], tuple[str, str]],
    *,
    event: str,
    shown: str,
) -> None:
    """Try for as long as it fails with ``away``, each time later, and log why as ``event``.
    ``reason`` gives what is the matter and what to do about it, "" where that is not known;
    ``shown`` is the address, without who we are."""
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            await attempt()
        except away as error:
            why, hint = reason(error)
            told = {"hint": hint} if hint else {}
            where = {"setting": "broker", "url": shown}
            _log.warning(event, **where, error=why, **told, again_in_s=wait_s)
        else:
            return
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
