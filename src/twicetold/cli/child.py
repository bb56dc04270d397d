"""A server in a process of its own, for as long as a command needs one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from twicetold.errors import Unavailable

_READY = "Twicetold listens at "
_START_S, _STOP_S = 60.0, 20.0
_LOG_LINES = 8


class ServerProcess:
    """A running server: its address, and whether it still runs."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, url: str) -> None:
        self.url = url
        self._process, self._log = process, log

    async def ended(self) -> None:
        """Returns never while it runs. Raises Unavailable once it has ended by itself."""
        code = await self._process.wait()
        raise failed(f"The server ended with exit code {code}", self._log)


@asynccontextmanager
async def server_process(data_dir: Path, *arguments: str) -> AsyncIterator[ServerProcess]:
    """``twicetold serve`` on a free port of this machine. Its log goes to ``serve.log`` in the
    data directory. Raises Unavailable where it does not start."""
    await asyncio.to_thread(data_dir.mkdir, parents=True, exist_ok=True)
    log = data_dir / "serve.log"
    with log.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "twicetold", "serve", "--host", "127.0.0.1", "--port", "0"),
            *("--data-dir", str(data_dir), *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,  # Ctrl-C is for us; we end it in order
        )
    try:
        yield ServerProcess(process, log, await _address(process, log))
    finally:
        await _stop(process)


async def _address(process: asyncio.subprocess.Process, log: Path) -> str:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_S):
            line = (await process.stdout.readline()).decode()
    except TimeoutError:
        raise failed(f"The server did not start within {_START_S:.0f} s", log) from None
    if not line.startswith(_READY):
        raise failed("The server did not start", log)
    return line.removeprefix(_READY).strip()


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End it in order, then by force; returns once it is gone, also when we are cancelled."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def failed(message: str, log: Path) -> Unavailable:
    """An error with the last lines of the server's log."""
    lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:] if log.exists() else []
    last = _last_words(lines[-1]) if lines else None
    if last is not None:
        return Unavailable(f"{message}: {last['reason']}", str(last["hint"]))
    return Unavailable(f"{message}: {' / '.join(lines)}" if lines else f"{message}.", f"See {log}.")


def _last_words(line: str) -> dict[str, object] | None:
    """What a server says as it ends by an error; see ``process``."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and {"reason", "hint"} <= said.keys() else None
