"""One live call seen from a terminal: sound goes out, captions come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

from twicetold.cli.captions import Captions
from twicetold.cli.console import clock, note, out
from twicetold.cli.playing import MESSAGE_S, Microphone, at_real_speed
from twicetold.client import LiveClient
from twicetold.media import FileDecoding

SIDES = {0: "left", 1: "right"}


async def play(
    server: tuple[str, str | None],
    call_id: str,
    language: str,
    decoding: FileDecoding,
    stopped: asyncio.Event,
    *,
    names: dict[int, str] | None = None,
) -> int:
    """Play a file into a live call at its real speed, showing captions; how many finals came."""

    info = decoding.info
    sides = (names or SIDES) if info.channels > 1 else {}
    length = f" of {clock(info.length_s)}" if info.length_s else ""
    client = LiveClient(
        server[0],
        call_id=call_id,
        language=language,
        sample_rate=info.rate,
        channels=info.channels,
        key=server[1],
    )
    with Captions(out(), sides) as captions:

        async def send() -> None:
            messages = at_real_speed(decoding.blocks(), info.rate, info.channels)
            async for position_s, message in messages:
                if stopped.is_set():
                    break
                captions.status(f"▶ {clock(position_s)}{length}")
                await client.send(message)
            captions.status("waiting for the last words…")
            await client.stop()

        async with client:
            await _both_ways(client, captions, send)
    return captions.finals


async def hear(
    server: tuple[str, str | None], call_id: str, language: str, stopped: asyncio.Event
) -> None:
    """Send the microphone into a live call until ``stopped``, showing captions."""
    microphone = Microphone()
    client = LiveClient(
        server[0],
        call_id=call_id,
        language=language,
        sample_rate=microphone.rate,
        channels=microphone.channels,
        key=server[1],
    )
    with Captions(out()) as captions:

        async def send() -> None:
            async for message in microphone.messages(stopped):
                captions.status("● listening; Ctrl-C ends the call")
                await client.send(message)
            captions.status("waiting for the last words…")
            await client.stop()

        async with client:
            note(f"Listening (call {call_id}); Ctrl-C ends the call.")
            await _both_ways(client, captions, send)
    if microphone.lost:
        note(f"{microphone.lost * MESSAGE_S:.1f} s of sound were lost while the server was away.")


async def _both_ways(
    client: LiveClient, captions: Captions, send: Callable[[], Coroutine[None, None, None]]
) -> None:
    """Send and show at once; what fails on one side ends the other."""
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(send())
        async for event in client.events(acks=True):  # with ``ready``, at each new connection
            captions.show(event)
        sending.cancel()  # the call is over for the server, whatever is left


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[FileDecoding]:
    """A file being decoded. Raises NotAudio and its kin."""
    from twicetold.parts import open_decoder

    async with open_decoder() as decoder:
        decoding = await decoder.open_file(path)
        try:
            yield decoding
        finally:
            await decoding.aclose()
