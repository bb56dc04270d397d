"""What the reference servers of live engines have in common: one strict conversation a connection.

Each speaks its protocol as its makers describe it. A message that has no place there is a
``violation``, and the connection ends; the fixture fails the test. It hears with the ear of engine
``counter``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import soxr
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from twicetold.engines.counter import CounterEngine

KEY = "sk-a-key-that-must-not-be-told"


@dataclass
class Moods:
    """How it misbehaves; numbers count down as they are used up."""

    refuse: list[int] = field(default_factory=list)  # HTTP statuses of the next handshakes
    refuse_session: list[str] = field(default_factory=list)  # codes that answer a greeting
    mute_greetings: int = 0  # connections that are opened and never greeted
    drops: int = 0  # connections that are torn after ``drop_after`` sounds
    drop_after: int = 2
    errors: int = 0  # utterances that are answered by an error
    silent: bool = False  # nothing is said after the greeting
    babble: str = ""  # for ever, instead of an answer, every 10 ms: this frame
    delay_s: float = 0.0  # before each thing that it says
    halted: asyncio.Event | None = None  # until then nothing more is read


class Violation(Exception):
    """The client said what has no place here."""


class Ear:
    """Words in PCM s16le at any rate, by the ear of ``counter``."""

    def __init__(self, rate: int) -> None:
        self._resampler = (
            None if rate in (8_000, 16_000) else soxr.ResampleStream(rate, 16_000, 1, dtype="int16")
        )
        self._stream = CounterEngine().start(rate if self._resampler is None else 16_000, "", None)
        self._told = 0

    def hear(self, pcm: bytes, *, last: bool = False) -> list[str]:
        """The words that are new."""
        if self._resampler is not None:
            pcm = self._resampler.resample_chunk(np.frombuffer(pcm, "<i2"), last=last).tobytes()
        heard = self._stream.accept(pcm)
        if last:
            heard = self._stream.finish()
        new = [word.text for word in heard.words[self._told :]]
        self._told += len(new)
        return new


class ReferenceServer:
    """``converse`` speaks the protocol; ``credential`` is the header that must hold the key."""

    credential = ("Authorization", f"Bearer {KEY}")
    path = "/"

    def __init__(self) -> None:
        self.moods = Moods()
        self.violations: list[str] = []
        self.connections: list[ServerConnection] = []
        self.utterances = 0  # that were begun
        self.sounds = 0  # messages of sound, all together
        self.port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{self.path}"

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[ReferenceServer]:
        async with serve(
            self._connected, "127.0.0.1", self.port, process_request=self._welcome,
            compression=None, close_timeout=0.2,
        ) as server:  # fmt: skip
            self.port = _port_of(server)
            yield self
            assert self.violations == []

    def _welcome(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.moods.refuse:
            return connection.respond(HTTPStatus(self.moods.refuse.pop(0)), "no\n")
        name, value = self.credential
        if request.headers.get(name) != value:
            return connection.respond(HTTPStatus.UNAUTHORIZED, "no\n")
        return None

    async def _connected(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        try:
            if self.moods.mute_greetings:
                self.moods.mute_greetings -= 1
                await connection.wait_closed()
                return
            await self.converse(connection)
        except Violation as violation:
            self.violations.append(str(violation))
            connection.transport.abort()
        except ConnectionClosed:
            pass
        finally:
            self.connections.remove(connection)

    async def converse(self, connection: ServerConnection) -> None:
        raise NotImplementedError

    async def say(self, connection: ServerConnection, **event: Any) -> None:
        if self.moods.silent:
            return
        while self.moods.babble:
            await connection.send(self.moods.babble)
            await asyncio.sleep(0.01)
        if self.moods.delay_s:
            await asyncio.sleep(self.moods.delay_s)
        await connection.send(json.dumps(event))

    async def hear(self, connection: ServerConnection) -> dict[str, Any]:
        if self.moods.halted is not None:
            await self.moods.halted.wait()
        text = await connection.recv()
        expect(isinstance(text, str), "a text frame", "binary")
        message = json.loads(text)
        expect(isinstance(message, dict), "an object", message)
        return message

    def sound_of(self, message: dict[str, Any], connection: ServerConnection) -> bytes:
        """The PCM of a message; the connection may be torn at it."""
        pcm = base64.b64decode(message["audio"], validate=True)
        expect(len(pcm) > 0 and len(pcm) % 2 == 0, "whole samples", f"{len(pcm)} bytes")
        self.sounds += 1
        if self.moods.drops:
            self.moods.drop_after -= 1
            if self.moods.drop_after <= 0:
                self.moods.drops -= 1
                self.moods.drop_after = 2
                connection.transport.abort()
        return pcm

    def fails(self) -> bool:
        """Whether this utterance is to be answered by an error."""
        failing = self.moods.errors > 0
        self.moods.errors -= failing
        return failing


def expect(holds: bool, wanted: object, got: object) -> None:
    if not holds:
        raise Violation(f"expected {wanted} but got {got}")


def exactly(message: dict[str, Any], **wanted: Any) -> None:
    """Those fields with those values, and no others; ``...`` stands for any value."""
    expect(message.keys() == wanted.keys(), sorted(wanted), message)
    for name, value in wanted.items():
        expect(value is ... or message[name] == value, f"{name}={value!r}", message[name])


def query_of(connection: ServerConnection) -> dict[str, str]:
    assert connection.request is not None
    return {
        name: value[0] for name, value in parse_qs(urlsplit(connection.request.path).query).items()
    }


def _port_of(server: Server) -> int:
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port
