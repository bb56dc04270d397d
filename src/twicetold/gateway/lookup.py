"""Finding what a request names."""

from __future__ import annotations

from twicetold.errors import CallDeleted, CallNotFound
from twicetold.gateway.context import Platform
from twicetold.speech.identity import CallKey
from twicetold.transcripts import Call


async def find_call(platform: Platform, key: CallKey) -> Call:
    """The call. Raises CallDeleted or CallNotFound."""
    call = await platform.transcripts.call(key)
    if call is not None:
        return call
    if await platform.transcripts.buried(key):
        raise CallDeleted(f"The call {key.call_id} was deleted.")
    raise CallNotFound(f"There is no call {key.call_id}.")
