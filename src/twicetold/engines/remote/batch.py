"""What batch engines on other machines have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from twicetold.engines import EngineInfo, Sound
from twicetold.engines.remote.requests import Requests, all_of
from twicetold.speech.transcript import Hypothesis


class RemoteBatch(ABC):
    """A Transcriber that asks a server for each sound, ``parallel`` of them at once."""

    def __init__(self, requests: Requests, *, parallel: int) -> None:
        self._requests, self._parallel = requests, parallel

    @property
    @abstractmethod
    def info(self) -> EngineInfo: ...

    @property
    def parallel(self) -> int:
        return self._parallel

    @property
    def workers(self) -> int:
        return self._parallel  # the server's, as far as we are let

    async def transcribe(self, sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
        self._requests.check_open()
        return await all_of(self._one(sound, language) for sound in sounds)

    async def aclose(self) -> None:
        await self._requests.aclose()

    @abstractmethod
    async def _one(self, sound: Sound, language: str) -> Hypothesis:
        """Raises EngineFailed and its like."""
