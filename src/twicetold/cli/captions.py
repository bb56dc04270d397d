"""Captions in a terminal: finals as lines, partials beneath them, rewritten in place.

Where the output is no terminal, only the finals are written, a line each.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Group
from rich.text import Text

from twicetold.cli.console import clock, note

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

COLOURS = ("cyan", "magenta", "green", "yellow")


class Captions:
    """Shows the events of one call. Use it as a context manager."""

    def __init__(self, console: Console, names: Mapping[int, str] | None = None) -> None:
        """``names``: what to call each channel; without them nothing is said of channels."""
        self._console = console
        self._names = names or {}
        self._partials: dict[int, tuple[int, str]] = {}  # channel: utterance, text
        self._settled: dict[int, int] = {}  # channel: the last utterance that has its final
        self._status = ""
        self._lag_s = 0.0
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
                self._partials[channel] = (utterance, event.get("text", ""))
        elif kind == "no_words":
            self._take_back(event["channel"], event["utterance"])
        elif kind == "lagging":
            self._lag(event["seconds"])
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

    def _take_back(self, channel: int, utterance: int) -> None:
        """The utterance is over: what was guessed of it goes."""
        if self._partials.get(channel, (-1, ""))[0] <= utterance:
            self._partials.pop(channel, None)

    def _lag(self, seconds: float) -> None:
        if self._live is None and seconds and not self._lag_s:
            note(f"Captions are {seconds:.0f} s behind.")
        self._lag_s = seconds

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
        for channel, (_, text) in sorted(self._partials.items()):
            name = self._names.get(channel, "")
            shown = Text.assemble(("    …  ", "dim"), (f"{name}  " if name else "", "dim"))
            shown.append(_tail(text, max(20, self._console.width * 2 - 16)), "dim italic")
            lines.append(shown)
        if self._lag_s:
            lines.append(Text(f"captions are {self._lag_s:.0f} s behind", "yellow"))
        if self._status:
            lines.append(Text(self._status, "dim"))
        return Group(*lines)


def _tail(text: str, length: int) -> str:
    """The end of a long partial: that is where it changes."""
    return text if len(text) <= length else "…" + text[-length:]
