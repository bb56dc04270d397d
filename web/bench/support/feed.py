"""Somebody who counts aloud on a running server, for the engine ``counter``.

python feed.py URL CALL_ID BEFORE_S LIVE_S: a call that began BEFORE_S ago, which is sent as fast
as it is taken, then goes on at real speed for LIVE_S. Says on stdout when it has caught up.
"""

import asyncio
import json
import struct
import sys

from websockets.asyncio.client import ClientConnection, connect

from twicetold.engines.counter import render

RATE = 16_000
MESSAGE_S = 0.2
WORD_S, GAP_S, PAUSE_S, GROUP = 0.28, 0.1, 0.9, 20  # two and a half words a second, as people talk
LAG_S = 1.0


async def main(url: str, call_id: str, before_s: float, live_s: float) -> None:
    words = int((before_s + live_s) / (WORD_S + GAP_S)) + 1
    layout = {"burst_s": WORD_S, "gap_s": GAP_S, "group": GROUP, "pause_s": PAUSE_S}
    sound = render(0, words, RATE, **layout)
    query = f"call_id={call_id}&sample_rate={RATE}&age_s={round(before_s)}"
    async with connect(f"ws{url[4:]}/v1/live?{query}", max_size=None) as socket:
        heard = asyncio.Event()
        reading = asyncio.create_task(read(socket, heard, before_s))
        await send(socket, sound, before_s, before_s + live_s, heard)
        await socket.send('{"type": "stop"}')
        await reading


async def send(
    socket: ClientConnection, sound: bytes, before_s: float, until_s: float, heard: asyncio.Event
) -> None:
    size = round(MESSAGE_S * RATE) * 2
    loop = asyncio.get_running_loop()
    began: float | None = None
    for seq in range(round(until_s / MESSAGE_S)):
        at_s = seq * MESSAGE_S
        if at_s >= before_s:
            if began is None:
                await heard.wait()
                print("caught up", flush=True)
                began = loop.time()
            await asyncio.sleep(max(0.0, began + at_s - before_s - loop.time()))
        await socket.send(struct.pack("<I", seq) + sound[seq * size : (seq + 1) * size])


async def read(socket: ClientConnection, heard: asyncio.Event, before_s: float) -> None:
    """Reads on to the end; ``heard`` once captions have come to where real time begins."""
    if before_s == 0:
        heard.set()
    async for message in socket:
        event = json.loads(message)
        if event["type"] == "error":
            raise RuntimeError(message)
        if event["type"] in ("partial", "final") and event["end"] > before_s - 10 * GROUP * GAP_S:
            heard.set()
        if event["type"] == "done":
            return


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
