"""Servers that take a WAV file and answer with words: OpenAI's interface, and Sarvam's.

Strict as the live ones: a field that has no place is a ``violation``. ``answers`` says what becomes
of the next requests, one each; when it is empty, they are answered as they should be.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import itertools
import json
import wave
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from tests.servers.speaking import KEY

from twicetold.engines import Sound
from twicetold.engines.counter import CounterEngine
from twicetold.speech.transcript import Hypothesis, Word


@dataclass(frozen=True)
class Answer:
    """``status`` 0: the connection is torn; ``silent``: nothing is ever said; ``drip_s``: the pause
    behind each letter of the body."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    delay_s: float = 0.0
    drip_s: float = 0.0


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    fields: dict[str, list[bytes]]

    def text(self, name: str) -> str:
        return self.fields[name][0].decode()


class FileServer:
    """HTTP/1.1 by hand, so that it can misbehave."""

    path = ""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.at_once = self.most_at_once = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[FileServer]:
        server = await asyncio.start_server(self._handled, "127.0.0.1", 0, limit=1 << 24)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            try:
                yield self
            finally:  # of those that hang there are some for good
                left = list(self._tasks)
                for task in left:
                    task.cancel()
                await asyncio.gather(*left, return_exceptions=True)
        assert self.violations == []

    async def _handled(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._connected(reader, writer)
        except asyncio.CancelledError:  # at the end of all; asyncio complains of one that is
            writer.close()
        finally:
            self._tasks.discard(task)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await self._serve(await _request(reader), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _serve(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            answer = self.answers.pop(0) if self.answers else self._answer(request)
            await asyncio.sleep(answer.delay_s)
        finally:
            self.at_once -= 1
        if answer.silent:
            await asyncio.Event().wait()
        if not answer.status:
            writer.transport.abort()
            raise ConnectionResetError
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        head = [f"HTTP/1.1 {answer.status} Said", f"content-length: {len(body)}"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        writer.write("\r\n".join([*head, "", ""]).encode())
        pieces = [body[at : at + 1] for at in range(len(body))] if answer.drip_s else [body]
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(answer.drip_s)

    def _answer(self, request: Request) -> Answer:
        try:
            assert request.path == self.path, f"expected {self.path} but got {request.path}"
            return self.transcribed(request)
        except AssertionError as error:
            self.violations.append(str(error))
            return Answer(400, {"error": {"message": "violation"}})

    def transcribed(self, request: Request) -> Answer:
        raise NotImplementedError


DIARIZING = "gpt-4o-transcribe-diarize"
_MODELS = ("whisper-1", "gpt-4o-transcribe", DIARIZING)
_DIARIZING_FIELDS = (
    "chunking_strategy", "known_speaker_names[]", "known_speaker_references[]",
)  # fmt: skip


class OpenAiServer(FileServer):
    """``times``: ``words``, ``segments`` alone as vLLM gives, or ``none``, which is refused.

    To the diarizing model each hundred of numbers is a voice.
    """

    path = "/v1/audio/transcriptions"
    times = "words"

    @property
    def url(self) -> str:
        return super().url + "/v1"

    def transcribed(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            message = f"Incorrect API key provided: {request.headers.get('authorization')}."
            return Answer(401, {"error": {"message": message, "code": "invalid_api_key"}})
        _only(
            request, "file", "model", "response_format", "language", "timestamp_granularities[]",
            "prompt", *_DIARIZING_FIELDS,
        )  # fmt: skip
        diarizing = request.text("model") == DIARIZING
        assert diarizing or not set(_DIARIZING_FIELDS) & set(request.fields)
        assert len(request.fields["file"][0]) <= 25_000_000, "Maximum content size limit exceeded."
        if "prompt" in request.fields:
            assert not diarizing, "Prompt is not supported for diarization models."
            assert 0 < len(request.fields["prompt"][0]) <= 500
        sound, form = _sound(request), request.text("response_format")
        assert sound.seconds >= 0.1, "Audio file is too short."
        assert request.text("model") in _MODELS, request.text("model")
        if diarizing:
            assert request.text("chunking_strategy") == "auto", "chunking_strategy is required."
            assert sound.seconds <= 1400.0, "audio duration is longer than 1400 seconds."
        known = {"whisper-1": "verbose_json", DIARIZING: "diarized_json"}.get(request.text("model"))
        if form != "json" and (self.times == "none" or form != known):
            message = f"response_format '{form}' is not compatible with model 'some-model'."
            return Answer(400, {"error": {"message": message, "code": "unsupported_value"}})
        heard = CounterEngine().transcribe(sound, "")
        if form == "json":
            assert "timestamp_granularities[]" not in request.fields
            return Answer(body={"text": heard.text})
        if diarizing:
            return Answer(body=_diarized(heard, sound, _known_voices(request)))
        assert form == "verbose_json", form
        assert set(request.fields["timestamp_granularities[]"]) == {b"word", b"segment"}
        return Answer(body=self._verbose(heard, sound))

    def _verbose(self, heard: Hypothesis, sound: Sound) -> dict[str, Any]:
        words = heard.words
        body: dict[str, Any] = {
            "task": "transcribe", "language": "english", "duration": sound.seconds,
            "text": heard.text, "segments": [],
        }  # fmt: skip
        if words:
            span = {"start": words[0].start, "end": words[-1].end}
            body["segments"] = [{"id": 0, **span, "text": f" {heard.text}"}]
        if self.times == "words":
            body["words"] = [{"word": w.text, "start": w.start, "end": w.end} for w in words]
        return body


def _voice(word: Word) -> int:
    return int(word.text) // 100


def _known_voices(request: Request) -> dict[int, str]:
    """By whose voice each clip is: the name that goes with it."""
    names = [name.decode() for name in request.fields.get("known_speaker_names[]", [])]
    clips = request.fields.get("known_speaker_references[]", [])
    assert len(names) == len(clips) <= 4, "Each known speaker needs a reference, four have room."
    assert len(set(names)) == len(names), names
    assert not any(len(name) == 1 for name in names), f"another's letter: {names}"
    voices: dict[int, str] = {}
    for name, clip in zip(names, clips, strict=True):
        kind, _, body = clip.partition(b",")
        assert kind == b"data:audio/wav;base64", kind
        sound = _pcm_of(base64.b64decode(body, validate=True))
        assert 2.0 <= sound.seconds <= 10.0, f"a reference of {sound.seconds} s"
        heard = Counter(_voice(word) for word in CounterEngine().transcribe(sound, "").words)
        (voice, often), *_ = heard.most_common(1)
        assert often >= 0.9 * heard.total(), f"{name} has several voices: {heard}"
        assert voice not in voices, f"{name} and {voices[voice]} are one"
        voices[voice] = name
    return voices


def _diarized(heard: Hypothesis, sound: Sound, known: dict[int, str]) -> dict[str, Any]:
    """Who is not known is A, B and so on, by when they begin."""
    letters = iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    names, segments = dict(known), []
    for voice, said in itertools.groupby(heard.words, _voice):
        if voice not in names:
            names[voice] = next(letters)
        words = list(said)
        segments.append({
            "type": "transcript.text.segment", "id": f"seg_{len(segments)}",
            "start": words[0].start, "end": words[-1].end, "speaker": names[voice],
            "text": " " + " ".join(word.text for word in words),
        })  # fmt: skip
    text = "\n".join(f"{each['speaker']}:{each['text']}" for each in segments)
    return {
        "task": "transcribe", "duration": sound.seconds, "text": text, "segments": segments,
        "usage": {"type": "duration", "seconds": round(sound.seconds)},
    }  # fmt: skip


class SarvamServer(FileServer):
    path = "/speech-to-text"

    def transcribed(self, request: Request) -> Answer:
        if request.headers.get("api-subscription-key") != KEY:
            return Answer(403, {"error": {"message": "Forbidden", "code": "invalid_api_key_error"}})
        _only(request, "file", "model", "mode", "language_code", "with_timestamps")
        assert request.text("model") == "saaras:v3"
        assert request.text("mode") == "transcribe"
        assert request.text("with_timestamps") == "true"
        sound = _sound(request)
        assert sound.seconds <= 30.0, "Audio duration exceeds the maximum limit of 30 seconds."
        heard = CounterEngine().transcribe(sound, "")
        told = {"words": [], "start_time_seconds": [], "end_time_seconds": []}
        if words := heard.words:
            told = {
                "words": [heard.text],
                "start_time_seconds": [words[0].start],
                "end_time_seconds": [words[-1].end],
            }
        return Answer(
            body={
                "request_id": "req-1", "transcript": heard.text, "timestamps": told,
                "language_code": request.text("language_code"),
            }
        )  # fmt: skip


def _only(request: Request, *names: str) -> None:
    assert set(request.fields) <= set(names), f"expected no more than {names}: {request.fields}"


def _sound(request: Request) -> Sound:
    return _pcm_of(request.fields["file"][0])


def _pcm_of(wav: bytes) -> Sound:
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return Sound(file.readframes(file.getnframes()), file.getframerate())


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split()
    headers = {
        name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)
    }
    assert method == "POST"
    body = await reader.readexactly(int(headers["content-length"]))
    boundary = headers["content-type"].partition("boundary=")[2].encode()
    fields: dict[str, list[bytes]] = {}
    for part in body.split(b"--" + boundary)[1:-1]:
        about, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = about.partition(b'name="')[2].partition(b'"')[0].decode()
        fields.setdefault(name, []).append(content.removesuffix(b"\r\n"))
    return Request(path, headers, fields)
