"""A process of the product whose live engine dies of one integer: ``poisonous COMMAND …``.

The engine ``counter`` lives in host processes here, as engines with models do, and a host that
reads ``POISON`` ends at once, like one whose native code fails.
"""

from __future__ import annotations

import os
import sys

from twicetold.engines import registry
from twicetold.engines.counter import COUNTER_INFO, CounterEngine
from twicetold.speech.transcript import Hypothesis

POISON = 900_009


class DeadlyCounter(CounterEngine):
    """Made in the hosts."""

    def start(self, rate: int, language: str, adaptation: str | None) -> _DeadlyStream:
        return _DeadlyStream(super().start(rate, language, adaptation))


class _DeadlyStream:
    def __init__(self, inner: object) -> None:
        self._inner = inner

    def accept(self, pcm: bytes) -> Hypothesis:
        return _survived(self._inner.accept(pcm))  # type: ignore[attr-defined]

    def finish(self) -> Hypothesis:
        return _survived(self._inner.finish())  # type: ignore[attr-defined]

    def close(self) -> None:
        self._inner.close()  # type: ignore[attr-defined]


def _survived(heard: Hypothesis) -> Hypothesis:
    if any(word.text == str(POISON) for word in heard.words):
        os._exit(9)
    return heard


if __name__ == "__main__":
    registry.ENGINES["counter"] = registry.Engine(
        COUNTER_INFO, hosted="benchmarks.poisonous:DeadlyCounter"
    )
    from twicetold.cli.main import main

    sys.argv = ["twicetold", *sys.argv[1:]]
    main()
