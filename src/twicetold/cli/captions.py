"""Captions in a terminal: finals as lines, partials beneath them, rewritten in place.

Where the output is no terminal, only the finals are written, a line each. How far captions are
behind is a line beneath them, kept true; without a terminal it is a note, said again seldom.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Group
from rich.text import Text

from twicetold.cli.console import clock, note

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

COLOURS = ("cyan", "magenta", "green", "yellow")
_NOTED_AGAIN_S = 60.0  # or once the lag has doubled
_NOTED_AT_MOST_EVERY_S = 10.0


class Captions:
    """Shows the events of one call. Use it as a context manager."""

    def __init__(
        self,
        console: Console,
        names: Mapping[int, str] | None = None,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """``names``: what to call each channel; without them nothing is said of channels."""
        self._console = console
        self._names = names or {}
        # Of each channel the utterance, its text, and how many words of that are settled.
        self._partials: dict[int, tuple[int, str, int]] = {}
        self._settled: dict[int, int] = {}  # channel: the last utterance that has its final
        self._status = ""
        self._lag_s = self._noted_s = 0.0  # how far behind; how far, as was last noted
        self._clock_s, self._noted_at = clock_s, -_NOTED_AGAIN_S
        self._live: Live | None = None
        self.finals = 0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            from rich.live import Live

            self._live = Live(
                get_renderable=self._beneath,
                console=self._console,
                refresh_per_second=12,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, event: Mapping[str, Any]) -> None:
        """Show one event of ``/v1/live`` (or of a call's server-sent events)."""
        kind = event["type"]
        if kind == "final":
            self._show_final(event)
        elif kind in ("partial", "speech_started"):
            channel, utterance = event["channel"], event["utterance"]
            if utterance > self._settled.get(channel, -1):
                text, settled = event.get("text", ""), event.get("settled", 0)
                self._partials[channel] = (utterance, text, settled)
        elif kind == "no_words":
            self._take_back(event["channel"], event["utterance"])
        elif kind == "lagging":
            self._lag(event["seconds"])
        elif kind == "ready":  # a new connection: where captions are behind, it says so again
            self._lag(0.0)
        elif kind == "alert":
            self._show_alert(event)
        elif kind == "gap":
            note(f"At {clock(event['at'])} sound is missing: the stream began afresh.")

    def status(self, text: str) -> None:
        """The progress line, in a terminal only."""
        self._status = text

    def _show_final(self, event: Mapping[str, Any]) -> None:
        channel = event["channel"]
        self._settled[channel] = max(event["utterance"], self._settled.get(channel, -1))
        self._take_back(channel, event["utterance"])
        text = event["text"]
        if event.get("failed"):
            text = "(not understood; the recording is transcribed again after the call)"
        if text:
            self.finals += 1
            self._console.print(self._line(channel, event["start"], text), soft_wrap=True)

    def _show_alert(self, event: Mapping[str, Any]) -> None:
        told = Text.assemble(
            (f"{clock(event['at']):>5}  ", "dim"),
            (f"! {event['category']}: {event['rule']}", "bold yellow"),
            (f"  {event['suggestion']}", "yellow"),
        )
        self._console.print(told, soft_wrap=True)

    def _take_back(self, channel: int, utterance: int) -> None:
        """The utterance is over: what was guessed of it goes."""
        if self._partials.get(channel, (-1, "", 0))[0] <= utterance:
            self._partials.pop(channel, None)

    def _lag(self, seconds: float) -> None:
        self._lag_s = seconds
        if self._live is None:
            self._note_lag(seconds)

    def _note_lag(self, seconds: float) -> None:
        """The first lag, one that has doubled, one that lasts, and the end of what was noted."""
        since_s = self._clock_s() - self._noted_at
        if not seconds:
            if self._noted_s:
                note("Captions have caught up.")
            self._noted_s = 0.0
        elif since_s >= _NOTED_AGAIN_S or (
            since_s >= _NOTED_AT_MOST_EVERY_S and seconds >= 2 * self._noted_s
        ):
            note(f"Captions are {_behind(seconds)}; what is said is kept.")
            self._noted_s, self._noted_at = seconds, self._clock_s()

    def _line(self, channel: int, start: float, text: str, style: str = "") -> Text:
        name = self._names.get(channel, "")
        colour = COLOURS[channel % len(COLOURS)]
        return Text.assemble(
            (f"{clock(start):>5}  ", "dim"),
            (f"{name}  " if name else "", f"bold {colour}" if not style else f"dim {colour}"),
            (text, style),
        )

    def _beneath(self) -> RenderableType:
        """What is not settled yet, and the progress line."""
        lines: list[RenderableType] = []
        for channel, (_, text, settled) in sorted(self._partials.items()):
            name = self._names.get(channel, "")
            shown = Text.assemble(("    …  ", "dim"), (f"{name}  " if name else "", "dim"))
            shown.append(_tail(text, settled, max(20, self._console.width * 2 - 16)))
            lines.append(shown)
        if self._lag_s:
            behind = f"captions are {_behind(self._lag_s)}; what is said is kept"
            lines.append(Text(behind, "yellow"))
        if self._status:
            lines.append(Text(self._status, "dim"))
        return Group(*lines)


def _tail(text: str, settled: int, length: int) -> Text:
    """The end of a long partial: that is where it changes. Words that stay are not dim."""
    stays = len(" ".join(text.split()[:settled]))
    shown = Text.assemble((text[:stays], "italic"), (text[stays:], "dim italic"))
    return shown if len(text) <= length else Text.assemble(("…", "dim"), shown[-length:])


def _behind(seconds: float) -> str:
    return f"{seconds:.0f} s behind" if seconds < 100 else f"{clock(seconds)} min behind"
