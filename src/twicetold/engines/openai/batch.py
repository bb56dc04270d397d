"""The engine: a WAV file a sound, words with the best times that the server gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from twicetold.engines import EngineInfo, Sound, Transcriber
from twicetold.engines.openai.info import info_of, tells_no_times
from twicetold.engines.remote import OPENAI_URL, Order, as_http, key_for, primary
from twicetold.engines.remote.batch import RemoteBatch
from twicetold.engines.remote.requests import Form, Requests
from twicetold.engines.remote.sounds import check_rate, wav_of
from twicetold.engines.remote.spreading import Loudness, spread, within
from twicetold.errors import EngineFailed, EngineRefused
from twicetold.speech.transcript import Hypothesis, Word

_NAMES = ("openai_url", "openai_key")
_LEAST_S = 0.1  # less is refused, and is no word
_TIMED = "verbose_json"


def open_batch(order: Order) -> Transcriber:
    """Raises SettingError where a key is missing."""
    remotes = order.remotes
    url = as_http(remotes.openai_url).rstrip("/")
    key = key_for("openai", "openai_key", remotes.openai_key, url, OPENAI_URL)
    path, question, query = url.partition("?")
    requests = Requests(
        "openai",
        f"{path}/audio/transcriptions{question}{query}",
        {"Authorization": f"Bearer {key}"} if key else {},
        _NAMES,
        _reason,
        secret=key,
        most=remotes.batch_requests,
        timeout_s=order.timeout_s,
    )
    return OpenAiEngine(order.model, requests, parallel=remotes.batch_requests)


class OpenAiEngine(RemoteBatch):
    """A Transcriber."""

    def __init__(self, model: str, requests: Requests, *, parallel: int) -> None:
        super().__init__(requests, parallel=parallel)
        self._model = model
        self._timed = not tells_no_times(model)

    @property
    def info(self) -> EngineInfo:
        return info_of(self._model)

    async def _one(self, sound: Sound, language: str) -> Hypothesis:
        check_rate("openai", sound.rate)
        if sound.seconds < _LEAST_S:
            return Hypothesis()
        body = await self._asked(wav_of(sound), language)
        return Hypothesis(words_of(body, sound))

    async def _asked(self, wav: bytes, language: str) -> dict[str, Any]:
        """With times where the server gives them; one that does not is asked for none again."""
        if self._timed:
            try:
                return await self._requests.post(wav, self._form(language, timed=True))
            except EngineRefused as error:
                if not _is_about_times(error):
                    raise
                self._timed = False
        return await self._requests.post(wav, self._form(language, timed=False))

    def _form(self, language: str, *, timed: bool) -> Form:
        form: dict[str, str | Sequence[str]] = {
            "model": self._model,
            "response_format": _TIMED if timed else "json",
        }
        if timed:
            form["timestamp_granularities[]"] = ["word", "segment"]
        if spoken := primary(language):
            form["language"] = spoken
        return form


def words_of(body: dict[str, Any], sound: Sound) -> tuple[Word, ...]:
    """Words with the server's times; else spread over its segments, else over the sound; always
    in order and inside the sound. Raises EngineFailed for a body that is none."""
    try:
        words = [_word(each, sound.seconds) for each in body.get("words") or ()]
        if any(words):
            return _in_order(word for word in words if word is not None)
        if segments := body.get("segments"):
            parts = [
                within(each["text"], float(each["start"]), float(each["end"]), sound.seconds)
                for each in segments
            ]
            return _in_order(word for part in parts for word in part)
        loudness = Loudness(sound.rate)
        loudness.hear(sound.pcm)
        return spread(body["text"], loudness)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise EngineFailed("The server of engine openai answered no transcript.") from None


def _word(body: dict[str, Any], most: float) -> Word | None:
    text = body["word"].strip()
    start = min(max(0.0, float(body["start"])), most)
    end = min(max(start, float(body["end"])), most)
    given = body.get("probability")  # speaches and whisper.cpp tell it
    probability = min(1.0, max(0.0, given)) if isinstance(given, float) else None
    return Word(start, end, text, probability) if text else None


def _in_order(words: Iterable[Word]) -> tuple[Word, ...]:
    return tuple(sorted(words, key=lambda word: word.start))


def _is_about_times(error: EngineRefused) -> bool:
    """A server or a model that knows no verbose_json says so by name."""
    said = error.message.lower()
    return any(name in said for name in (_TIMED, "response_format", "timestamp_granularities"))


def _reason(body: Any) -> tuple[str, str]:
    """OpenAI: ``{"error": {"message", "code"}}``; older vLLM has these at the top; FastAPI's own
    complaints are ``{"detail"}``."""
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error", body)
    if not isinstance(error, dict):
        return str(error), ""
    return str(error.get("message") or body.get("detail") or ""), str(error.get("code") or "")
