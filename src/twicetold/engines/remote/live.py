"""A StreamingTranscriber whose model is elsewhere: an utterance is a dialogue on a connection."""

from __future__ import annotations

import asyncio

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from twicetold.engines import NOTHING_EXPECTED, EngineInfo, Expected
from twicetold.engines.remote.dialogue import Dialogue, Service, Session, event_of
from twicetold.engines.remote.limits import check_length
from twicetold.engines.remote.sounds import Inlet
from twicetold.engines.remote.spreading import Loudness, spread
from twicetold.engines.remote.warm import WarmConnections
from twicetold.errors import EngineFailed, EngineHostDied, OddByteCount, TwicetoldError
from twicetold.speech.transcript import Hypothesis

_TAIL_S = 0.5  # of quiet that a last word is given, or it is lost
_INSIST_S = 5.0  # without a last word; see Dialogue.insist
_SLOWEST = 10.0  # × the sound: so long, and the timeout, a server may go on until its last word


class RemoteEngine:
    """Streams to one ``service``. ``names``: of the settings that hold its address and key;
    ``most``: utterances at once, more wait; ``timeout_s``: a server that owes an answer may be
    silent for so long."""

    def __init__(
        self,
        info: EngineInfo,
        service: Service,
        names: tuple[str, str],
        *,
        most: int,
        timeout_s: float,
    ) -> None:
        self._info, self._service, self._timeout_s = info, service, timeout_s
        self._connections = WarmConnections(info.name, names, most=most, timeout_s=timeout_s)

    @property
    def info(self) -> EngineInfo:
        return self._info

    async def start(self) -> None:
        """Try the server. Raises EngineRefused where it wants nothing of us; one that is away may
        come yet."""
        try:
            await self._connections.warm_up(self._service.session(16_000, "auto"))
        except BaseException:
            await self.aclose()
            raise

    async def start_stream(
        self,
        rate: int,
        language: str,
        adaptation: str | None = None,
        expected: Expected = NOTHING_EXPECTED,
    ) -> RemoteStream:
        """See the port; what is expected is told to no server. Raises EngineRefused, or
        EngineFailed where no connection comes about."""
        session = self._service.session(rate, language)
        connection = await self._connections.take(session)
        dialogue = self._service.dialogue(session)
        return RemoteStream(self._connections, session, connection, dialogue, rate, self._timeout_s)

    async def aclose(self) -> None:
        await self._connections.aclose()


class RemoteStream:
    """One utterance on one connection.

    ``accept`` returns what the server has said by then and waits for nothing but the server's
    taking the sound, so that one that is slow slows its caller, who holds the sound.
    """

    def __init__(
        self,
        connections: WarmConnections,
        session: Session,
        connection: ClientConnection,
        dialogue: Dialogue,
        rate: int,
        timeout_s: float,
    ) -> None:
        self._connections, self._session, self._connection = connections, session, connection
        self._dialogue, self._timeout_s = dialogue, timeout_s
        self._inlet, self._heard = Inlet(rate, session.rate), Loudness(rate)
        self._begun = self._over = False
        self._failure: TwicetoldError | None = None
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def accept(self, pcm: bytes) -> Hypothesis:
        if len(pcm) % 2:
            raise OddByteCount(f"{len(pcm)} bytes are no whole number of 16-bit samples.")
        self._check_open()
        self._heard.hear(pcm)
        await self._tell(self._inlet.take(pcm))
        return self._hypothesis()

    async def finish(self) -> Hypothesis:
        self._check_open()
        try:
            if self._heard.seconds:
                await self._tell(self._inlet.take(b"", last=True) + self._tail())
                await self._send(self._dialogue.finish())
                await self._last_word_in_time()
            return self._hypothesis()
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        if not self._over:
            self._over = True
            self._reading.cancel()
            self._connections.end(self._session, self._connection)

    def _check_open(self) -> None:
        if self._over:
            raise EngineFailed("The stream is over: expected an open one but got a finished one.")

    def _hypothesis(self) -> Hypothesis:
        return Hypothesis(spread(self._dialogue.text, self._heard))

    def _tail(self) -> bytes:
        """Quiet, as much as there is not yet."""
        missing_s = max(0.0, _TAIL_S - self._heard.quiet_tail_s)
        return bytes(2 * round(missing_s * self._session.rate))

    # --- the wire ------------------------------------------------------------------------

    async def _tell(self, sound: bytes) -> None:
        if not sound:
            if self._failure is not None:
                await self._fail()
            return
        first = [] if self._begun else self._dialogue.begin()
        self._begun = True
        await self._send([*first, *self._dialogue.hear(sound)])

    async def _send(self, messages: list[str]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                for each in messages:
                    if self._failure is not None:
                        break
                    await self._connection.send(each)
        except TimeoutError:
            self._failure = EngineHostDied(
                f"The server of the engine took no sound for {self._timeout_s:g} s."
            )
        except ConnectionClosed:
            await asyncio.wait([self._reading])  # which knows why, or soon will
        if self._failure is not None:
            await self._fail()

    async def _last_word_in_time(self) -> None:
        """One that never stops talking is as bad as one that is silent."""
        limit_s = self._timeout_s + _SLOWEST * self._heard.seconds
        try:
            async with asyncio.timeout(limit_s):
                await self._last_word()
        except TimeoutError:
            raise EngineHostDied(
                f"The server of the engine had not said its last word within {limit_s:g} s."
            ) from None

    async def _last_word(self) -> None:
        """Wait until nothing more will be said; each event that comes renews our patience."""
        patience_s = min(_INSIST_S, self._timeout_s)
        while not self._dialogue.done and self._failure is None:
            self._news.clear()
            if await self._anything(patience_s):
                continue
            await self._send(self._dialogue.insist())
            if not await self._anything(self._timeout_s - patience_s):
                self._failure = EngineHostDied(
                    f"The server of the engine did not answer within {self._timeout_s:g} s."
                )
        if self._failure is not None:
            await self._fail()

    async def _anything(self, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def _fail(self) -> None:
        assert self._failure is not None
        await self.aclose()
        raise self._failure

    async def _read(self) -> None:
        """Take events in as they come, until the last word."""
        try:
            async for text in self._connection:
                self._dialogue.receive(event_of(text))
                check_length(self._dialogue.text, self._heard.seconds)
                self._news.set()
                if self._dialogue.done:
                    return
        except ConnectionClosed:
            pass  # as is one that ends in good order before the last word
        except TwicetoldError as error:
            self._failure = error
        finally:
            if self._failure is None and not self._dialogue.done:
                self._failure = _lost()
            self._news.set()


def _lost() -> EngineHostDied:
    return EngineHostDied("The connection to the engine's server was lost.")
