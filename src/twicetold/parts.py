"""Single parts for commands that need no server: the light half of the composition root.

``wiring`` brings the whole server with it, which takes a second to import; a command that
plays a file does not wait for that. These two alone know adapters.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from twicetold.engines.registry import engine_info, open_activity, open_batch, open_live
from twicetold.installation import known_installation
from twicetold.media import Decoder
from twicetold.media.pyav import PyAvDecoder

__all__ = [
    "engine_info",
    "open_activity",
    "open_batch",
    "open_decoder",
    "open_live",
    "try_sessions",
]


async def try_sessions(url: str, data_dir: Path) -> str | None:
    """Where the calls that run are kept, once that was tried; None in the data directory. Raises
    what opening it would."""
    if not url.startswith(("redis://", "rediss://")):
        return None
    from twicetold.sessions.redis import RedisSessions  # an extra

    store = RedisSessions(url, await asyncio.to_thread(known_installation, data_dir))
    try:
        await store.check()
    finally:
        await store.aclose()
    return store.name


@asynccontextmanager
async def open_decoder() -> AsyncIterator[Decoder]:
    """The decoder, started, for as long as the block runs. Raises DecoderFailed."""
    decoder = PyAvDecoder()
    try:
        await decoder.start()
        yield decoder
    finally:
        await decoder.aclose()
