"""From partitions to calls: each call of a group's partitions gets a task and an inbox of its own.

What both consumers of the audio topic need. A partition may carry many calls, may go to another
process at any moment, and may come back while the tasks of its last stay are still ending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial

import structlog

from twicetold.broker import Assigned, Consumer, Delivery
from twicetold.live.inbox import Inbox, Item
from twicetold.speech.chunks import parse_log_message
from twicetold.speech.identity import CallKey

log = structlog.get_logger()

_FIRST_REWIND_S, _LONGEST_REWIND_S = 0.5, 15.0
_CALM_S = 60.0


class Fate(Enum):
    """What became of a call's run."""

    OVER = "over"  # all that it was given is released
    TAKEN = "taken"  # another process has it, or has had it: read again if we are still assigned
    BROKEN = "broken"  # a mistake of ours; its first unreleased message stays for the next start


RunCall = Callable[[CallKey, Inbox], Awaitable[Fate]]


@dataclass(slots=True)
class _Call:
    inbox: Inbox
    task: asyncio.Task[None]


class _Share:
    """One stay of a partition with this consumer. The valve of its calls' inboxes."""

    def __init__(self, partition: str, consumer: Consumer) -> None:
        self.partition, self._consumer = partition, consumer
        self.calls: dict[CallKey, _Call] = {}
        self.taken: set[CallKey] = set()  # their messages wait, unreleased, for the rewind
        self.broken: set[CallKey] = set()
        self.rewinding: asyncio.TimerHandle | None = None
        self.over = False
        self._full = 0

    def hold(self) -> None:
        self._full += 1
        if self._full == 1 and not self.over:
            self._consumer.pause(self.partition)

    def free(self) -> None:
        self._full -= 1
        if self._full == 0 and not self.over:
            self._consumer.resume(self.partition)


class Dispatcher:
    """Runs ``run_call`` for each call, again if more comes for it after it returned."""

    def __init__(self, consumer: Consumer, run_call: RunCall) -> None:
        self._consumer, self._run_call = consumer, run_call
        self._shares: dict[str, _Share] = {}
        self._ending: dict[CallKey, set[asyncio.Task[None]]] = {}
        self._rewound: dict[str, tuple[float, float]] = {}  # partition → when last, wait

    async def run(self) -> None:
        """Until the consumer is closed or this is cancelled; every call's task has ended then."""
        try:
            while batch := await self._consumer.receive():
                for item in batch:
                    if isinstance(item, Delivery):
                        self._dispatch(item)
                    elif isinstance(item, Assigned):
                        self._shares[item.partition] = _Share(item.partition, self._consumer)
                    else:
                        self._let_go(item.partition)
        finally:
            for partition in list(self._shares):
                self._let_go(partition)
            ending = [task for tasks in self._ending.values() for task in tasks]
            await asyncio.gather(*ending, return_exceptions=True)
            await self._consumer.aclose()

    def _dispatch(self, delivery: Delivery) -> None:
        share = self._shares[delivery.partition]
        if delivery.key in share.taken:
            return
        partition, position, key, value = delivery
        receipt = Delivery(partition, position, key, b"")
        if key in share.broken:
            self._consumer.release(receipt)
            return
        try:
            item = Item(receipt, parse_log_message(value), len(value))
        except ValueError:
            self._set_aside(receipt)
            return
        call = share.calls.get(key)
        if call is None:
            call = share.calls[key] = self._begin(share, key)
        call.inbox.put(item)

    def _set_aside(self, receipt: Delivery) -> None:
        """Not ours, or of a newer version: it must hold nobody up."""
        self._consumer.release(receipt)
        self._consumer.foreign.tell(receipt.partition, receipt.position)

    def _begin(self, share: _Share, key: CallKey) -> _Call:
        inbox = Inbox(share)
        return _Call(inbox, asyncio.create_task(self._run(share, key, inbox)))

    async def _run(self, share: _Share, key: CallKey, inbox: Inbox) -> None:
        if before := set(self._ending.get(key, ())):
            await asyncio.wait(before)  # its partition left and came back: one at a time
        bound = structlog.contextvars.bind_contextvars(tenant=key.tenant, call_id=key.call_id)
        fate = Fate.OVER
        try:
            while fate is Fate.OVER:
                fate = await self._run_call(key, inbox)
                if inbox.empty or share.over:
                    break
        except Exception:
            fate = Fate.BROKEN
            log.exception("call_given_up")
        finally:
            structlog.contextvars.reset_contextvars(**bound)
            if not share.over:
                del share.calls[key]
                self._settle(share, key, fate)
            inbox.close()

    def _settle(self, share: _Share, key: CallKey, fate: Fate) -> None:
        if fate is Fate.TAKEN:
            share.taken.add(key)
            self._rewind_later(share)
        elif fate is Fate.BROKEN:
            share.broken.add(key)

    def _rewind_later(self, share: _Share) -> None:
        """Whoever took the call may be a process that slept and does not know yet that the
        partition is ours; or it is we who slept, and the partition will be gone by then."""
        if share.rewinding is not None:
            return
        loop = asyncio.get_running_loop()
        last, wait_s = self._rewound.get(share.partition, (0.0, 0.0))
        calm = loop.time() - last > _CALM_S
        wait_s = _FIRST_REWIND_S if calm else min(2 * wait_s, _LONGEST_REWIND_S)
        self._rewound[share.partition] = (loop.time(), wait_s)
        share.rewinding = loop.call_later(wait_s, self._consumer.rewind, share.partition)

    def _let_go(self, partition: str) -> None:
        share = self._shares.pop(partition, None)
        if share is None:
            return
        share.over = True
        if share.rewinding is not None:
            share.rewinding.cancel()
        for key, call in share.calls.items():
            call.task.cancel()
            self._ending.setdefault(key, set()).add(call.task)
            call.task.add_done_callback(partial(self._ended, key))

    def _ended(self, key: CallKey, task: asyncio.Task[None]) -> None:
        tasks = self._ending[key]
        tasks.discard(task)
        if not tasks:
            del self._ending[key]
