"""Sarvam's REST interface: a WAV file of at most 30 s a request."""

from __future__ import annotations

from typing import Any

from twicetold.engines import EngineInfo, Sound, Transcriber
from twicetold.engines.remote import SARVAM_URL, Order, as_http, key_for
from twicetold.engines.remote.batch import RemoteBatch
from twicetold.engines.remote.limits import check_length
from twicetold.engines.remote.requests import Requests
from twicetold.engines.remote.sounds import check_rate, pieces_of, wav_of
from twicetold.engines.remote.spreading import Loudness, spread, within
from twicetold.engines.sarvam.info import info_of, tag_of
from twicetold.engines.sarvam.live import NAMES
from twicetold.errors import EngineFailed
from twicetold.speech.transcript import Hypothesis, Word

_LONGEST_S = 29.5
_LEAST_S = 0.1  # less is no word


def open_batch(order: Order) -> Transcriber:
    """Raises SettingError where the key is missing."""
    remotes = order.remotes
    url = as_http(remotes.sarvam_url).rstrip("/")
    key = key_for("sarvam", "sarvam_key", remotes.sarvam_key, url, SARVAM_URL)
    requests = Requests(
        "sarvam",
        f"{url}/speech-to-text",
        {"api-subscription-key": key} if key else {},
        NAMES,
        _reason,
        secret=key,
        most=remotes.batch_requests,
        timeout_s=order.timeout_s,
    )
    return SarvamEngine(info_of(order.model), requests, parallel=remotes.batch_requests)


class SarvamEngine(RemoteBatch):
    """A Transcriber."""

    def __init__(self, info: EngineInfo, requests: Requests, *, parallel: int) -> None:
        super().__init__(requests, parallel=parallel)
        self._info = info

    @property
    def info(self) -> EngineInfo:
        return self._info

    async def _one(self, sound: Sound, language: str) -> Hypothesis:
        """One sound, in as many requests as it takes."""
        check_rate("sarvam", sound.rate)
        words: list[Word] = []
        for begin_s, piece in pieces_of(sound, _LONGEST_S):
            if piece.seconds >= _LEAST_S:
                heard = await self._words(piece, language)
                words += [word.shifted(begin_s) for word in heard]
        return Hypothesis(tuple(words))

    async def _words(self, sound: Sound, language: str) -> tuple[Word, ...]:
        form = {
            "model": self._info.model,
            "mode": "transcribe",
            "language_code": tag_of(language, unknown="unknown", odia="od-IN"),
            "with_timestamps": "true",
        }
        return words_of(await self._requests.post(wav_of(sound), form), sound)


def words_of(body: dict[str, Any], sound: Sound) -> tuple[Word, ...]:
    """Words spread over the stretches that the server tells, else over the sound. Raises
    EngineFailed for a body that is no transcript."""
    try:
        told = body.get("timestamps") or {}
        stretches = zip(
            told.get("words") or (),
            told.get("start_time_seconds") or (),
            told.get("end_time_seconds") or (),
            strict=True,
        )
        words = [
            word
            for text, start, end in stretches
            for word in within(text, float(start), float(end), sound.seconds)
        ]
        if words:
            check_length(" ".join(word.text for word in words), sound.seconds)
            return tuple(sorted(words, key=lambda word: word.start))
        loudness = Loudness(sound.rate)
        loudness.hear(sound.pcm)
        return spread(body["transcript"], loudness)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise EngineFailed("The server of engine sarvam answered no transcript.") from None


def _reason(body: Any) -> tuple[str, str]:
    """``{"error": {"message", "code"}}``."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("message") or ""), str(error.get("code") or "")
