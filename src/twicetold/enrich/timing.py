"""How long work takes, where it is done: in the process to which it is sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def timed(work: Callable[..., T], *arguments: Any) -> tuple[T, float]:
    """What ``work`` returns, and the seconds that it took. Raises what it raises."""
    began = time.perf_counter()
    made = work(*arguments)
    return made, time.perf_counter() - began
