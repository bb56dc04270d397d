"""Faults of clients: one that never reads, and ones that stall in mid-utterance."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import numpy as np
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.uri import parse_uri

from benchmarks.chaos_calls import MESSAGE_S, RATE, CallLog, make_call
from benchmarks.cluster import Cluster, Role
from benchmarks.faults_common import Figures, Positions, figure, ordinary, spoken, undisturbed
from twicetold.engines.counter import render

_SMALL_BYTES, _SMALL_SEGMENT = 4096, 536
_LET_GO_WITHIN_S = 90.0
_ENDED_WITHIN_S = 60.0
_FLOOD_BYTES = 400 * 2**20
_STALL_S = 16.0  # more than finalize_after_s and lease_s together
_HELD_S = 41.0  # max_utterance_s and 11 s more: so long may a chunk be held


# --- a client that never reads ------------------------------------------------------------


class Deaf:
    """A connection whose receive buffer is small, fills up, and is never read."""

    def __init__(self, gateway: Role) -> None:
        self._gateway = gateway
        self._loop = asyncio.get_running_loop()
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SMALL_SEGMENT)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BYTES)
        self.socket.setblocking(False)

    async def connect(self) -> None:
        where = urlsplit(self._gateway.url)
        await self._loop.sock_connect(self.socket, (where.hostname, where.port))

    async def follow(self, call_id: str) -> None:
        """Ask for a call's events, and read none of them."""
        await self.connect()
        host = f"127.0.0.1:{self._gateway.port}"
        request = f"GET /v1/calls/{call_id}/events HTTP/1.1\r\nHost: {host}\r\n\r\n"
        await self._loop.sock_sendall(self.socket, request.encode())

    async def begin(self, call_id: str, channels: int) -> None:
        """A call, read as far as its ``ready``."""
        await self.connect()
        query = urlencode({"call_id": call_id, "sample_rate": RATE, "channels": channels})
        url = f"{self._gateway.url.replace('http', 'ws', 1)}/v1/live?{query}"
        self._wire = ClientProtocol(parse_uri(url))
        self._wire.send_request(self._wire.connect())
        await self._flush()
        while True:
            self._wire.receive_data(await self._loop.sock_recv(self.socket, 1024))
            for event in self._wire.events_received():
                if isinstance(event, Response) and event.status_code != 101:
                    raise RuntimeError(f"the gateway answered {event.status_code}")
                if isinstance(event, Frame) and b'"ready"' in event.data:
                    return

    async def speak(self, sound: bytes, frame: int) -> float:
        """At real speed, for as long as the gateway takes it; the seconds that it took."""
        step = int(RATE * MESSAGE_S) * frame
        due = time.monotonic()
        for number, at in enumerate(range(0, len(sound), step)):
            self._wire.send_binary(struct.pack("<I", number) + sound[at : at + step])
            try:
                async with asyncio.timeout(20):
                    await self._flush()
            except (OSError, TimeoutError):
                return number * MESSAGE_S
            due += MESSAGE_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        return len(sound) / (RATE * frame)

    async def flood(self, most_bytes: int) -> int:
        """Ask for pongs, as fast as the gateway takes it; the bytes that it took."""
        sent, payload = 0, bytes(125)
        while sent < most_bytes:
            pings = []
            for _ in range(500):
                self._wire.send_ping(payload)
                pings += self._wire.data_to_send()
            whole = b"".join(pings)
            try:
                async with asyncio.timeout(3):
                    await self._loop.sock_sendall(self.socket, whole)
            except (OSError, TimeoutError):
                break
            sent += len(whole)
        return sent

    async def _flush(self) -> None:
        for data in self._wire.data_to_send():
            await self._loop.sock_sendall(self.socket, data)

    def held_by_gateway(self) -> bool:
        """Whether the gateway's process still has its end open (Linux)."""
        ours = self.socket.getsockname()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            local, remote = (int(fields[n].rpartition(":")[2], 16) for n in (1, 2))
            if (local, remote) == (self._gateway.port, ours):
                return fields[9] != "0"  # without an inode it is the kernel's alone
        return False


def _talkative(seconds: float) -> bytes:
    """Both sides talk without a pause for 25 s at a time: partials grow long, and are many."""
    sides = []
    for begin in (300_000, 400_000):
        count = int(seconds / 0.17)
        sides.append(np.frombuffer(render(begin, count, RATE, group=145, pause_s=0.9), "<i2"))
    return np.stack(sides, axis=1).tobytes()


async def never_reads(house: Cluster) -> Figures:
    """One speaks and reads nothing, one follows that call and reads nothing, and one asks for
    more and more answers which it does not read."""
    logs, gateway = ordinary("reads", 4, 80), house.of("gateway")[0]
    speaker, follower, flooder = Deaf(gateway), Deaf(gateway), Deaf(gateway)
    sound = _talkative(80)
    async with spoken(house.url, logs):
        await asyncio.sleep(3)
        began = time.monotonic()
        await speaker.begin("deaf", 2)
        await flooder.begin("flood", 1)
        await follower.follow("deaf")
        await asyncio.sleep(1)
        held = {name: deaf.held_by_gateway() for name, deaf in
                (("speaker", speaker), ("follower", follower), ("flooder", flooder))}  # fmt: skip
        flooded = asyncio.create_task(flooder.flood(_FLOOD_BYTES))
        took_s = await speaker.speak(sound, 4)
        waits = [_until_let_go(deaf, began) for deaf in (speaker, follower, flooder)]
        gone = dict(zip(held, await asyncio.gather(*waits), strict=True))
        flood_bytes = await flooded
    figures, wrong = await undisturbed(house, logs, began, began + 60)
    recorded, status = await _recording(house, "deaf")
    wrong += [f"the {name} was not let in" for name, yes in held.items() if not yes]
    wrong += [
        f"the {name} is held after {_LET_GO_WITHIN_S:.0f} s"
        for name, gone_s in gone.items()
        if gone_s is None
    ]
    if not recorded or recorded != sound[: len(recorded)]:
        wrong.append("the recording of what it said is not what it said")
    if status != "done":
        wrong.append(f"its call is {status}")
    for deaf in (speaker, follower, flooder):
        deaf.socket.close()
    return {
        **figures,
        "let_go_s": gone,
        "sound_taken_s": round(took_s, 1),
        "recorded_s": len(recorded) / (4 * RATE),
        "pings_taken_mb": round(flood_bytes / 2**20, 1),
        "live_calls_left": await figure(gateway, "twicetold_gateway_live_calls"),
        "wrong": wrong,
    }


async def _until_let_go(deaf: Deaf, began: float) -> float | None:
    while (passed_s := time.monotonic() - began) < _LET_GO_WITHIN_S:
        if not deaf.held_by_gateway():
            return round(passed_s, 1)
        await asyncio.sleep(0.5)
    return None


async def _recording(house: Cluster, call_id: str) -> tuple[bytes, str]:
    """The PCM and the state of a call once it is over, or what there is."""
    deadline, status = time.monotonic() + _ENDED_WITHIN_S, "unknown"
    async with httpx.AsyncClient(base_url=house.url, timeout=30) as client:
        while time.monotonic() < deadline and status not in ("done", "failed"):
            with contextlib.suppress(httpx.TransportError):
                answer = await client.get(f"/v1/calls/{call_id}")
                status = answer.json().get("status", "unknown")
            await asyncio.sleep(0.5)
        answer = await client.get(f"/v1/calls/{call_id}/audio")
    return (answer.content[44:] if answer.status_code == 200 else b""), status


# --- clients that stall -------------------------------------------------------------------


async def stalls(house: Cluster) -> Figures:
    """One falls silent in mid-word, one between words, one with its other side in mid-word."""
    logs = ordinary("steady", 4, 60)
    stalled = [
        make_call("stalls-word", 200_001, 40),
        make_call("stalls-pause", 220_001, 40),
        make_call("stalls-stereo", 240_001, 40, stereo=True),
    ]
    for log, loud in zip(stalled, (True, False, True), strict=True):
        log.stalls_s[_message(log, 12.0, loud=loud)] = _STALL_S
    positions = Positions(house)
    began = time.monotonic()
    async with positions.watched(), spoken(house.url, logs + stalled):
        await asyncio.sleep(10)
    figures, wrong = await undisturbed(house, logs, began, began + 60)
    theirs, more = await undisturbed(house, stalled, began, began + 60)
    wrong += [f"of the stalled, {each}" for each in more if "took" not in each]
    still_s = positions.standstill_s(0, began + 5, began + 55)
    if still_s > _HELD_S:
        wrong.append(f"the partition stood still for {still_s} s")
    return {
        **figures,
        "stalled": theirs,
        "stall_s": _STALL_S,
        "position_stood_still_s": still_s,
        "wrong": wrong,
    }


def _message(log: CallLog, after_s: float, *, loud: bool) -> int:
    """The byte of the first message after that second that begins within a word, or without."""
    step = int(RATE * MESSAGE_S)
    sound = np.frombuffer(log.sound, "<i2").reshape(-1, log.channels)[:, 0]
    margin = int(0.02 * RATE)
    for at in range(int(after_s / MESSAGE_S) * step, len(sound), step):
        near = np.abs(sound[at - margin : at + margin].astype(int)).reshape(-1, margin // 10)
        heard = near.max(axis=1) > 1_000
        if heard.all() if loud else not heard.any():
            return at * 2 * log.channels
    raise ValueError("expected a message that begins there but found none")
