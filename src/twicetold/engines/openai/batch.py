"""The engine: a WAV file a sound, words with the best times that the server gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import structlog

from twicetold.engines import EngineInfo, Sound, Transcriber
from twicetold.engines.openai.info import info_of, tells_no_times
from twicetold.engines.remote import OPENAI_URL, Order, as_http, key_for, primary
from twicetold.engines.remote.batch import RemoteBatch
from twicetold.engines.remote.limits import check_length, storable
from twicetold.engines.remote.requests import Form, Requests
from twicetold.engines.remote.sounds import check_rate, wav_of
from twicetold.engines.remote.spreading import Loudness, spread, within
from twicetold.errors import EngineFailed, EngineRefused
from twicetold.speech.transcript import Hypothesis, Word

_log = structlog.get_logger()

_NAMES = ("openai_url", "openai_key")
_LEAST_S = 0.1  # less is refused, and is no word
_TIMED = "verbose_json"
# Whisper reads 224 tokens, the last ones. A token is a byte at least, and of names two or three.
_MOST_PROMPT_BYTES = 500


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
        terms = sound.expected.terms if self.info.vocabulary else ()
        body = await self._prompted(wav_of(sound), language, terms)
        return Hypothesis(words_of(body, sound))

    async def _prompted(self, wav: bytes, language: str, terms: Sequence[str]) -> dict[str, Any]:
        """With what is expected; where the server will have none, or not this one, without: a list
        of words is no reason for having none. That is tried anew for each sound, as what is wrong
        with one tenant's list says nothing of another's."""
        if prompt := prompt_of(terms):
            try:
                return await self._asked(wav, language, prompt, terms)
            except EngineRefused as error:
                _log.warning("remote_engine_without_vocabulary", error=error.message)
        return await self._asked(wav, language)

    async def _asked(
        self, wav: bytes, language: str, prompt: str = "", terms: Sequence[str] = ()
    ) -> dict[str, Any]:
        """With times where the server gives them; one that does not is asked for none again."""
        if self._timed:
            try:
                form = self._form(language, prompt, timed=True)
                return await self._requests.post(wav, form, terms)
            except EngineRefused as error:
                if not _is_about_times(error):
                    raise
                self._timed = False
        return await self._requests.post(wav, self._form(language, prompt, timed=False), terms)

    def _form(self, language: str, prompt: str, *, timed: bool) -> Form:
        form: dict[str, str | Sequence[str]] = {
            "model": self._model,
            "response_format": _TIMED if timed else "json",
        }
        if timed:
            form["timestamp_granularities[]"] = ["word", "segment"]
        if spoken := primary(language):
            form["language"] = spoken
        if prompt:
            form["prompt"] = prompt
        return form


def prompt_of(terms: Sequence[str]) -> str:
    """As many of the first terms as a Whisper behind the server has room for, each whole."""
    told = ""
    for term in terms:
        longer = f"{told}, {term}" if told else term
        if len(longer.encode()) > _MOST_PROMPT_BYTES:
            break
        told = longer
    return told


def words_of(body: dict[str, Any], sound: Sound) -> tuple[Word, ...]:
    """Words with the server's times; else spread over its segments, else over the sound; always
    in order and inside the sound. Raises EngineFailed for a body that is none."""
    try:
        words = [_word(each, sound.seconds) for each in body.get("words") or ()]
        if any(words):
            return _said(words, sound)
        if segments := body.get("segments"):
            parts = [
                within(each["text"], float(each["start"]), float(each["end"]), sound.seconds)
                for each in segments
            ]
            return _said((word for part in parts for word in part), sound)
        loudness = Loudness(sound.rate)
        loudness.hear(sound.pcm)
        return spread(body["text"], loudness)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise EngineFailed("The server of engine openai answered no transcript.") from None


def _word(body: dict[str, Any], most: float) -> Word | None:
    text = storable(body["word"]).strip()
    start = min(max(0.0, float(body["start"])), most)
    end = min(max(start, float(body["end"])), most)
    given = body.get("probability")  # speaches and whisper.cpp tell it
    probability = min(1.0, max(0.0, given)) if isinstance(given, float) else None
    return Word(start, end, text, probability) if text else None


def _said(words: Iterable[Word | None], sound: Sound) -> tuple[Word, ...]:
    """In order. Raises EngineFailed for more of them than anybody says."""
    told = sorted((word for word in words if word is not None), key=lambda word: word.start)
    check_length(" ".join(word.text for word in told), sound.seconds)
    return tuple(told)


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
