"""The engine: a WAV file a sound, words with the best times that the server gives, and speakers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog

from twicetold.engines import EngineInfo, Sound, Transcriber
from twicetold.engines.openai.info import diarizes, info_of, tells_no_times
from twicetold.engines.openai.speakers import Speakers, turns_of
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
_PATIENCE = 0.25  # seconds more for each one of a chunk that is longer than others'
_LEAST_S = 0.1  # less is refused, and is no word
_TIMED, _DIARIZED, _PLAIN = "verbose_json", "diarized_json", "json"
# Whisper reads 224 tokens, the last ones. A token is a byte at least, and of names two or three.
_MOST_PROMPT_BYTES = 500
_NOTHING: Mapping[str, str] = {}
_WRONG = (AttributeError, KeyError, OverflowError, TypeError, ValueError)  # in reading a body


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
        timeout_s=order.timeout_s + _PATIENCE * info_of(order.model).chunk_s,
    )
    return OpenAiEngine(order.model, requests, parallel=remotes.batch_requests)


class OpenAiEngine(RemoteBatch):
    """A Transcriber."""

    def __init__(self, model: str, requests: Requests, *, parallel: int) -> None:
        super().__init__(requests, parallel=parallel)
        self._model = model
        self._formats = _formats_of(model)  # that the server may know, what tells the most first

    @property
    def info(self) -> EngineInfo:
        return info_of(self._model)

    async def _one(self, sound: Sound, language: str) -> Hypothesis:
        check_rate("openai", sound.rate)
        if diarizes(self._model):
            return await self._with_speakers(sound, language)
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
                return await self._asked(wav, language, {"prompt": prompt}, terms)
            except EngineRefused as error:
                _log.warning("remote_engine_without_vocabulary", error=error.message)
        return await self._asked(wav, language)

    async def _with_speakers(self, sound: Sound, language: str) -> Hypothesis:
        """Words by speakers. Where the server will have none of the voices that are known, its
        labels are new ones."""
        known = Speakers.from_adaptation(sound.adaptation)
        if sound.seconds < _LEAST_S:
            return Hypothesis(adaptation=known.to_adaptation())
        wav, told = wav_of(sound), known
        try:
            body = await self._asked(wav, language, known.form())
        except EngineRefused as error:
            if not known.voices:
                raise
            _log.warning("remote_engine_without_known_speakers", error=error.message)
            body, told = await self._asked(wav, language), known.unheard()
        words, speakers = spoken_of(body, sound, known, told)
        return Hypothesis(words, speakers.to_adaptation())

    async def _asked(
        self, wav: bytes, language: str, more: Form = _NOTHING, private: Sequence[str] = ()
    ) -> dict[str, Any]:
        """In the format that tells the most; one that the server does not know is never asked for
        again. ``more``: fields of the form, ``private``: what of them is in no error."""
        while True:
            wanted = self._formats[0]
            try:
                return await self._requests.post(wav, self._form(language, wanted, more), private)
            except EngineRefused as error:
                if wanted == self._formats[-1] or not _is_about_format(error, wanted):
                    raise
                if self._formats[0] == wanted:  # else another request has found out just now
                    self._formats.pop(0)

    def _form(self, language: str, wanted: str, more: Form) -> Form:
        form: dict[str, str | Sequence[str]] = {"model": self._model, "response_format": wanted}
        if wanted == _TIMED:
            form["timestamp_granularities[]"] = ["word", "segment"]
        if diarizes(self._model):
            form["chunking_strategy"] = "auto"
        if spoken := primary(language):
            form["language"] = spoken
        return form | dict(more)


def _formats_of(model: str) -> list[str]:
    if diarizes(model):  # its chunks are so long that words without times could lie anywhere
        return [_DIARIZED]
    return [_PLAIN] if tells_no_times(model) else [_TIMED, _PLAIN]


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
    except _WRONG:
        raise _no_transcript() from None


def spoken_of(
    body: dict[str, Any], sound: Sound, known: Speakers, told: Speakers
) -> tuple[tuple[Word, ...], Speakers]:
    """Words with their speakers, and all of these that are known now; ``told``: those of the
    ``known`` that the server was told of. Raises EngineFailed for a body that is none, which text
    alone is too."""
    try:
        turns, met = told.named(turns_of(body["segments"], sound.seconds))
        words = _said((word for turn in turns for word in turn.words()), sound)
        return words, known.after(turns, met, sound)
    except _WRONG:
        raise _no_transcript() from None


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


def _no_transcript() -> EngineFailed:
    return EngineFailed("The server of engine openai answered no transcript.")


def _is_about_format(error: EngineRefused, wanted: str) -> bool:
    """A server or a model that does not know it says so by name."""
    said = error.message.lower()
    return any(name in said for name in (wanted, "response_format", "timestamp_granularities"))


def _reason(body: Any) -> tuple[str, str]:
    """OpenAI: ``{"error": {"message", "code"}}``; older vLLM has these at the top; FastAPI's own
    complaints are ``{"detail"}``."""
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error", body)
    if not isinstance(error, dict):
        return str(error), ""
    return str(error.get("message") or body.get("detail") or ""), str(error.get("code") or "")
