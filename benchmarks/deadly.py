"""``twicetold serve`` that kills itself once at a numbered step: ``deadly STEP FLAGFILE serve …``.

The carriers are wrapped from outside; the product has no hooks for it. The flag file is
removed just before the death, so that the next start lives.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from twicetold.broker import Topic
from twicetold.broker.file import FileBroker
from twicetold.live import call_recorder, worker
from twicetold.queue.sqlite import SqliteQueue
from twicetold.sessions import State
from twicetold.sessions.sqlite import SqliteSessions
from twicetold.transcripts.sqlite import SqliteTranscripts

_COUNTS: dict[str, int] = {}
_WHICH = {"ingest": 40, "final": 4, "recorder": 4, "close": 1}  # not the first time: in the middle


def _reached(step: str) -> None:
    if step != STEP or not FLAG.exists():
        return
    _COUNTS[step] = _COUNTS.get(step, 0) + 1
    if _COUNTS[step] >= _WHICH[step.split(".")[0]]:
        FLAG.unlink()
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


def _wrap_publish() -> None:
    inner = FileBroker.publish

    def publish(self: FileBroker, topic: Topic, key: Any, value: bytes) -> Awaitable[None]:
        if topic is Topic.AUDIO:
            _reached("ingest.before_publish")
        answer = inner(self, topic, key, value)
        if topic is Topic.AUDIO:
            answer.add_done_callback(lambda _: _reached("ingest.after_publish"))  # type: ignore[attr-defined]
        if topic is Topic.FINALS and b'"final"' in value:
            answer.add_done_callback(lambda _: _reached("final.after_publish"))  # type: ignore[attr-defined]
        return answer

    FileBroker.publish = publish  # type: ignore[method-assign]


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


def arm() -> None:
    """Put every step's trap in its place; only the one that was named snaps."""
    nothing = lambda *_args, **_kwargs: None  # noqa: E731
    _wrap_publish()
    _around(SqliteSessions, "swap", _swap_step("before"), _swap_step("after"))
    _around(
        SqliteTranscripts,
        "save_draft",
        lambda *_a, **_k: "recorder.before_draft",
        lambda *_a, **_k: "recorder.after_draft",
    )
    _around(SqliteQueue, "submit", nothing, lambda *_a, **_k: "close.after_job")
    _around(
        SqliteTranscripts,
        "set_recording",
        lambda *_a, **_k: "close.before_recording",
        lambda *_a, **_k: "close.after_recording",
    )
    remove_parts = call_recorder.remove_parts

    async def removed(*args: Any) -> None:
        await remove_parts(*args)
        _reached("close.after_parts_removed")

    call_recorder.remove_parts = removed
    settle = worker.Ledger.settle

    async def settled(self: Any, *args: Any, **kwargs: Any) -> Any:
        final = await settle(self, *args, **kwargs)
        if final is not None:
            _reached("final.before_release")
        return final

    worker.Ledger.settle = settled  # type: ignore[method-assign]


if __name__ == "__main__":
    STEP, FLAG = sys.argv[1], Path(sys.argv[2])
    arm()
    from twicetold.cli.main import main

    sys.argv = ["twicetold", *sys.argv[3:]]
    main()
