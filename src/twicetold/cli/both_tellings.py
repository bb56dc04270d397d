"""What ``demo`` shows: a call told live, told again after it, and both tellings side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.status import Status

from twicetold.cli.child import ServerProcess, server_process
from twicetold.cli.comparison import rows, table_of
from twicetold.cli.console import clock, err, note, out, say
from twicetold.cli.interrupts import Stopped, stop_on_interrupt
from twicetold.cli.live_call import SIDES, opened, play
from twicetold.client import ApiClient
from twicetold.errors import EngineFailed
from twicetold.evaluation.reference import Reference
from twicetold.gateway.page_folder import is_built
from twicetold.speech.transcript import Segment

_COMPARING_S = (0.1, 0.2, 0.5, 1.0, 2.0, 0.0)


@dataclass(frozen=True, slots=True)
class BothTellings:
    """The demo: live, then batch, of one recording, and both side by side."""

    recording: Path
    reference: Reference | None
    data_dir: Path
    language: str
    once: bool

    async def run(self) -> None:
        with stop_on_interrupt() as stopped:
            note("Starting a server …")
            async with server_process(self.data_dir) as server:
                await _unless_it_ends(server, self._all_of_it(server, stopped))

    async def _all_of_it(self, server: ServerProcess, stopped: asyncio.Event) -> None:
        call_id = time.strftime("demo-%Y%m%d-%H%M%S")
        finals = await self._live(server.url, call_id, stopped)
        if stopped.is_set():
            raise Stopped
        began = time.monotonic()
        await _second_pass(server.url, call_id, stopped)
        await self._show_both(server.url, call_id, time.monotonic() - began)
        if not finals:
            raise EngineFailed("The live pass heard no words.", "Is there speech in the file?")
        if not self.once:
            _show_addresses(server.url, call_id)
            note("The server stays up until Ctrl-C.")
            await stopped.wait()

    async def _live(self, url: str, call_id: str, stopped: asyncio.Event) -> int:
        names = dict(self.reference.names) if self.reference is not None else None
        async with opened(self.recording) as decoding:
            length = decoding.info.length_s
            how_long = f" ({clock(length)})" if length else ""
            note(f"Server: {url}\nPlaying {self.recording.name}{how_long} as it was spoken …")
            if is_built():
                note(f"In a browser: {url}/#/follow/{call_id}")
            note("")
            return await play((url, None), call_id, self.language, decoding, stopped, names=names)

    async def _show_both(self, url: str, call_id: str, took_s: float) -> None:
        async with ApiClient(url) as api:
            call = await _compared(api, call_id)
            draft = _segments(await api.transcript(call_id, "draft"))
            canonical = _segments(await api.transcript(call_id, "canonical"))
        sides = SIDES if self.reference is None else self.reference.names
        out().print()
        names = sides if call["channels"] > 1 else {}
        out().print(table_of(rows(draft, canonical), names, plain=not out().is_terminal))
        out().print()
        self._show_figures(call, draft, canonical, took_s)

    def _show_figures(
        self, call: Mapping[str, Any], draft: list[Segment], canonical: list[Segment], took_s: float
    ) -> None:
        wer, length_s = call["draft_wer"], call["length_s"] or 0.0
        if wer is None:
            raise EngineFailed("The draft was not compared with the canonical transcript.")
        figures = {
            "call": f"{clock(length_s)}, transcribed again in {took_s:.1f} s",
            "draft ≠ canonical": f"{wer:.1%} of the words",
        }
        if self.reference is not None:
            language = self.reference.language or self.language
            rates = [
                self.reference.errors(told, call["channels"], language)[0].wer
                for told in (draft, canonical)
            ]
            figures["draft word errors"] = f"{rates[0]:.1%} against the script"
            figures["canonical word errors"] = f"{rates[1]:.1%}"
        for name, figure in figures.items():
            say(f"{name:<24}{figure}")


async def _compared(api: ApiClient, call_id: str) -> dict[str, Any]:
    """The call once its draft is compared, which follows the canonical transcript by a moment."""
    for pause_s in _COMPARING_S:
        call = await api.call(call_id)
        if call["draft_wer"] is not None:
            break
        await asyncio.sleep(pause_s)
    return call


async def _second_pass(url: str, call_id: str, stopped: asyncio.Event) -> None:
    """Wait for the canonical transcript, showing how far it is. Raises EngineFailed."""
    following = asyncio.ensure_future(_follow(url, call_id, Status("", console=err())))
    waiting = asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({following, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not following.done():
            raise Stopped
        following.result()
    finally:
        for task in (following, waiting):
            task.cancel()
        await asyncio.wait({following, waiting})


async def _follow(url: str, call_id: str, status: Status) -> None:
    async with ApiClient(url) as api:
        with status:
            status.update("The call is over; transcribing again …")
            async for event in api.events(call_id):
                if event["type"] != "status":
                    continue
                if event["status"] in ("done", "failed"):
                    break
                if event["total_s"]:
                    share = event["done_s"] / event["total_s"]
                    status.update(f"The call is over; transcribing again … {share:.0%}")
        call = await api.call(call_id)
        if call["status"] != "done":
            raise EngineFailed(f"There is no canonical transcript: {call['error']}.")


async def _unless_it_ends(server: ServerProcess, work: Coroutine[Any, Any, None]) -> None:
    """Do the work; a server that ends meanwhile ends it, with the server's own reason."""
    working, ended = asyncio.ensure_future(work), asyncio.ensure_future(server.ended())
    try:
        await asyncio.wait({working, ended}, return_when=asyncio.FIRST_COMPLETED)
        (ended if ended.done() else working).result()
    finally:
        for task in (working, ended):
            task.cancel()
        await asyncio.wait({working, ended})


def _segments(body: Mapping[str, Any]) -> list[Segment]:
    return [Segment.from_dict(segment) for segment in body["segments"]]


def _show_addresses(url: str, call_id: str) -> None:
    call = f"{url}/v1/calls/{call_id}"
    say("")
    if is_built():
        say(f"The page        {url}/#/calls/{call_id}")
    say(f"The call        {call}")
    say(f"Its transcript  {call}/transcript?format=txt")
    say(f"Its sound       {call}/audio")
    say(f"The API         {url}/docs")
