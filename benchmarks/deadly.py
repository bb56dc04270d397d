"""A process of the product that kills itself once at a numbered step: ``deadly FOLDER COMMAND …``.

A file named for a step in FOLDER arms it; whoever reaches the step often enough removes the file
and dies, one process alone. The carriers are wrapped from outside; the product has no hooks for
this.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from twicetold.broker import Topic
from twicetold.broker.file.broker import FileBroker
from twicetold.gateway import captions
from twicetold.live import call_recorder, worker
from twicetold.queue.sqlite import SqliteQueue
from twicetold.sessions import State
from twicetold.sessions.sqlite import SqliteSessions
from twicetold.transcripts.sqlite import SqliteTranscripts

_COUNTS: dict[str, int] = {}
# Not the first time: in the middle.
_WHICH = {"ingest": 40, "final": 4, "recorder": 4, "close": 1, "delivery": 2}
FOLDER = Path()


def _reached(step: str) -> None:
    armed = FOLDER / step
    if not armed.exists():
        return
    _COUNTS[step] = _COUNTS.get(step, 0) + 1
    if _COUNTS[step] >= _WHICH[step.split(".")[0]]:
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            armed.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def _around(owner: type, name: str, before: Any, after: Any) -> None:
    """Wrap a coroutine method: ``before`` and ``after`` name the step by its arguments, or None."""
    inner = getattr(owner, name)

    async def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        step = before(*args, **kwargs)
        if step:
            _reached(step)
        result = await inner(self, *args, **kwargs)
        step = after(*args, **kwargs)
        if step:
            _reached(step)
        return result

    setattr(owner, name, wrapped)


def _nothing(*_args: Any, **_kwargs: Any) -> None:
    return None


def _named(step: str) -> Any:
    return lambda *_args, **_kwargs: step


def _wrap_publish(broker: type) -> None:
    inner = broker.publish  # type: ignore[attr-defined]

    def publish(self: Any, topic: Topic, key: Any, value: bytes) -> Awaitable[None]:
        if topic is Topic.AUDIO:
            _reached("ingest.before_publish")
        answer = inner(self, topic, key, value)
        if topic is Topic.AUDIO:
            answer.add_done_callback(lambda _: _reached("ingest.after_publish"))
        if topic is Topic.FINALS and b'"final"' in value:
            answer.add_done_callback(lambda _: _reached("final.after_publish"))
        return answer  # type: ignore[no-any-return]

    broker.publish = publish  # type: ignore[attr-defined]


def _swap_step(when: str) -> Any:
    def step(_key: Any, _expected: Any, changes: Any) -> str | None:
        if "add_final" in changes:
            return f"final.{when}_store"
        if changes.get("state") is State.CLOSED:
            return f"close.{when}_closed"
        if "recorded" in changes:
            return f"close.{when}_recorded"
        return f"ingest.{when}_position" if "next_seq" in changes else None

    return step


def _brokers() -> list[type]:
    found: list[type] = [FileBroker]
    with contextlib.suppress(ImportError):
        from twicetold.broker.kafka.broker import KafkaBroker

        found.append(KafkaBroker)
    with contextlib.suppress(ImportError):
        from twicetold.broker.rabbitmq.broker import RabbitBroker

        found.append(RabbitBroker)
    return found


def _sessions() -> list[type]:
    found: list[type] = [SqliteSessions]
    with contextlib.suppress(ImportError):
        from twicetold.sessions.redis import RedisSessions

        found.append(RedisSessions)
    return found


def arm() -> None:
    """Put every step's trap in its place; only what is armed snaps."""
    for broker in _brokers():
        _wrap_publish(broker)
    for sessions in _sessions():
        _around(sessions, "swap", _swap_step("before"), _swap_step("after"))
    _around(
        SqliteTranscripts,
        "save_draft",
        _named("recorder.before_draft"),
        _named("recorder.after_draft"),
    )
    _around(SqliteQueue, "submit", _nothing, _named("close.after_job"))
    _around(
        SqliteTranscripts,
        "set_recording",
        _named("close.before_recording"),
        _named("close.after_recording"),
    )
    _around(captions.CaptionHub, "subscribe", _nothing, _named("delivery.after_listen"))
    _around(SqliteTranscripts, "draft_finals", _nothing, _named("delivery.after_draft"))
    _wrap_functions()


def _wrap_functions() -> None:
    remove_parts, store_part = call_recorder.remove_parts, call_recorder.store_part

    async def removed(*args: Any) -> None:
        await remove_parts(*args)
        _reached("close.after_parts_removed")

    async def stored(*args: Any) -> None:
        await store_part(*args)
        _reached("close.after_part")

    call_recorder.remove_parts = removed
    call_recorder.store_part = stored
    settle = worker.Ledger.settle

    async def settled(self: Any, *args: Any, **kwargs: Any) -> Any:
        final = await settle(self, *args, **kwargs)
        if final is not None:
            _reached("final.before_release")
        return final

    worker.Ledger.settle = settled  # type: ignore[method-assign]


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1])
    arm()
    from twicetold.cli.main import main

    sys.argv = ["twicetold", *sys.argv[2:]]
    main()
