"""Sound to send: a file at its real speed, or the microphone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from twicetold.errors import DecoderFailed, MissingExtra

MESSAGE_S = 0.2
_MICROPHONE_RATE = 16_000
_MICROPHONE_WAITING = 300  # messages, a minute


async def at_real_speed(
    blocks: AsyncIterator[bytes], rate: int, channels: int, speed: float = 1.0
) -> AsyncIterator[tuple[float, bytes]]:
    """Messages of 200 ms from PCM blocks of any size, each when it would have been spoken.

    Yields the audio seconds up to and with the message, and its PCM.
    """
    loop = asyncio.get_running_loop()
    frame_bytes = 2 * channels
    message_bytes = int(MESSAGE_S * rate) * frame_bytes
    began, sent = loop.time(), 0
    async for message in _regrouped(blocks, message_bytes):
        sent += len(message)
        position_s = sent / frame_bytes / rate
        # Aimed at the clock, not at the last message, so that delays do not add up.
        await asyncio.sleep(max(0.0, began + position_s / speed - loop.time()))
        yield position_s, message


async def _regrouped(blocks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """The same bytes in pieces of ``size``; the last may be shorter."""
    held = b""
    async for block in blocks:
        held += block
        while len(held) >= size:
            yield held[:size]
            held = held[size:]
    if held:
        yield held


class Microphone:
    """The default input device: mono PCM s16le at 16,000 Hz, in messages of 200 ms."""

    rate = _MICROPHONE_RATE
    channels = 1

    def __init__(self) -> None:
        """Raises MissingExtra or DecoderFailed with what to do where there is no microphone."""
        self._device = sound_library()
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(_MICROPHONE_WAITING)
        self._loop = asyncio.get_running_loop()
        self.lost = 0  # messages that found the queue full: the server has been away for a minute

    async def messages(self, stopped: asyncio.Event) -> AsyncIterator[bytes]:
        """What is said, until ``stopped`` is set."""
        stop = asyncio.create_task(stopped.wait())
        try:
            stream = self._device.RawInputStream(
                samplerate=self.rate,
                channels=1,
                dtype="int16",
                blocksize=int(MESSAGE_S * self.rate),
                callback=self._heard,
            )
        except (self._device.PortAudioError, ValueError) as error:
            stop.cancel()
            raise DecoderFailed(
                f"The microphone cannot be opened: {error}.",
                "'twicetold doctor' lists what this machine hears with; "
                "a file needs no microphone: twicetold listen --file FILE",
            ) from error
        try:
            with stream:
                while not stopped.is_set():
                    message = asyncio.create_task(self._waiting.get())
                    await asyncio.wait({message, stop}, return_when=asyncio.FIRST_COMPLETED)
                    if not message.done():
                        message.cancel()
                        break
                    yield message.result()
        finally:
            stop.cancel()

    def _heard(self, data: Any, frames: int, time: object, status: object) -> None:
        """Called by the sound library in a thread of its own."""
        self._loop.call_soon_threadsafe(self._put, bytes(data))

    def _put(self, message: bytes) -> None:
        if self._waiting.full():
            self.lost += 1
        else:
            self._waiting.put_nowait(message)


def sound_library() -> Any:
    """The sounddevice module. Raises MissingExtra with the command that installs what lacks."""
    try:
        import sounddevice  # type: ignore[import-untyped]
    except OSError as error:  # the Python package is there, the system's library is not
        raise MissingExtra(
            f"The microphone needs PortAudio: {error}.",
            "Debian and Ubuntu: sudo apt-get install libportaudio2 · macOS: brew install portaudio",
        ) from error
    except ImportError as error:
        raise MissingExtra(
            "The microphone needs the package sounddevice.", "pip install sounddevice"
        ) from error
    return sounddevice
