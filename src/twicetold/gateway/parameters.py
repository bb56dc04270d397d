"""Query parameters that nothing takes are mistakes: say so instead of ignoring them."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import cache
from typing import get_type_hints

from fastapi import Request
from fastapi.params import Query

from twicetold.errors import BadParameter
from twicetold.gateway.page import wants_page
from twicetold.gateway.problems import shown


async def known_parameters(request: Request) -> None:
    """Dependency of every route of the API. Raises BadParameter."""
    if not request.query_params or _asks_for_page(request):
        return
    known = _described(request.scope["endpoint"])
    for name in request.query_params:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        takes = f"It takes {', '.join(known)}." if known else "It takes none."
        hint = f"Did you mean {near[0]}?" if near else takes
        raise BadParameter(f"There is no parameter {shown(name)}.", hint)


def _asks_for_page(request: Request) -> bool:
    """To a link to the page messengers and mailers add parameters of their own."""
    return wants_page(request) and request.scope["route"].path == "/"


@cache
def _described(endpoint: Callable[..., object]) -> tuple[str, ...]:
    """The query parameters that a route's function says it takes."""
    hints = get_type_hints(endpoint, include_extras=True)
    return tuple(
        about.alias or name
        for name, hint in hints.items()
        for about in getattr(hint, "__metadata__", ())
        if isinstance(about, Query)
    )


def whole_number(text: str, low: int, high: int) -> int | None:
    """The number that ``text`` writes in plain digits, if it lies between; None if not.

    Longer texts are refused before they are parsed: padded or endless digits are no number here.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(high)):
        return None
    number = int(text)
    return number if low <= number <= high else None
