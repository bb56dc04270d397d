"""Is the process alive, is it ready and what keeps it: the same answers from every role."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from twicetold.errors import TwicetoldError, Unavailable
from twicetold.observe.metrics import CONTENT_TYPE, Metrics

Check = Callable[[], Awaitable[object]]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

_CHECK_TIMEOUT_S = 2.0
_MARGIN_S = 0.1  # a check that has this time limit of its own says more
_MB = 1_000_000
_LEAST_FREE_BYTES = 50 * _MB


class Unfit(Exception):
    """What a check found, in words for whoever asks."""


async def failing(checks: Mapping[str, Check]) -> dict[str, str]:
    """The reason for each check that fails, as the check says it."""
    answers = await asyncio.gather(*(_check(name, check) for name, check in checks.items()))
    return {name: reason for name, reason in answers if reason}


async def _check(name: str, check: Check) -> tuple[str, str]:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S + _MARGIN_S):
            await check()
    except TimeoutError:
        return name, f"No answer within {_CHECK_TIMEOUT_S:.0f} s."
    except Unfit as unfit:
        return name, str(unfit)
    except TwicetoldError as error:
        return name, f"{error.code}: {error.hint}"
    except Exception as error:  # noqa: BLE001 - a check that fails is the answer, not a crash
        return name, f"It does not answer ({type(error).__name__})."
    return name, ""


def carrier(where: str, check: Check, *, told: bool) -> Check:
    """The check of a carrier, whose reason names ``where`` it is, or only its scheme. ``told``:
    whoever asks may read the error's own words, which may hold an address."""

    async def checked() -> None:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                await check()
        except TimeoutError:
            raise Unfit(f"{where} does not answer within {_CHECK_TIMEOUT_S:.0f} s.") from None
        except TwicetoldError as error:
            if isinstance(error, Unavailable) and error.away:
                raise Unfit(f"{where} does not answer.") from None
            words = f"{error.message} {error.hint}" if told else f"{error.code}: {error.hint}"
            raise Unfit(f"{where}: {words}") from None

    return checked


async def room_left(directory: Path) -> None:
    """Raises Unfit where the directory's disk is all but full."""
    usage = await asyncio.to_thread(shutil.disk_usage, directory)
    if usage.free < _LEAST_FREE_BYTES:
        raise Unfit(f"Only {usage.free // _MB} MB are free on the data directory's disk.")


class Health:
    """One process's state: what it waits for, then what is to be checked, then that it stops.

    As an ASGI application it answers ``/healthz``, ``/readyz`` and ``/metrics`` and nothing else.
    """

    def __init__(self, role: str, metrics: Metrics) -> None:
        self.role, self.metrics = role, metrics
        self.waiting: dict[str, str] = {role: "It starts."}
        self._checks: dict[str, Check] = {}
        self._stopping = False

    def up(self, checks: Mapping[str, Check]) -> None:
        """The role is at work, and ready whenever these checks do not fail."""
        self._checks = dict(checks)
        self.waiting.pop(self.role, None)

    def stopping(self) -> None:
        self._stopping = True

    async def reasons(self) -> dict[str, str]:
        """Why the process is not ready; empty where it is."""
        if self._stopping:
            return {self.role: "It stops."}
        return dict(self.waiting) or await failing(self._checks)

    async def __call__(self, scope: Mapping[str, Any], _receive: object, send: Send) -> None:
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif not await self.answered(path, send):
            known = {"error": {"code": "not_found", "message": "There is nothing here."}}
            await _send(send, 404, known)

    async def answered(self, path: str, send: Send) -> bool:
        """Whether the path was one of ours."""
        if path == "/healthz":
            await _send(send, 200, {"status": "ok", "role": self.role})
        elif path == "/readyz":
            reasons = await self.reasons()
            body = {"status": "unready" if reasons else "ok", "role": self.role, "reasons": reasons}
            await _send(send, 503 if reasons else 200, body)
        elif path == "/metrics":
            await _send(send, 200, await self.metrics.rendered(), CONTENT_TYPE)
        else:
            return False
        return True


async def _send(
    send: Send, status: int, body: Mapping[str, object] | bytes, kind: str = "application/json"
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
