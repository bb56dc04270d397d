"""Query parameters that nothing takes are mistakes: say so instead of ignoring them."""

from __future__ import annotations

import difflib
from typing import Any

from fastapi import Request

from twicetold.errors import BadParameter
from twicetold.gateway.problems import shown


async def known_parameters(request: Request) -> None:
    """Dependency of every route. Raises BadParameter."""
    if not request.query_params:
        return
    known = _described(request)
    for name in request.query_params:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        takes = f"It takes {', '.join(known)}." if known else "It takes none."
        hint = f"Did you mean {near[0]}?" if near else takes
        raise BadParameter(f"There is no parameter {shown(name)}.", hint)


def _described(request: Request) -> list[str]:
    """The query parameters that the API's own description gives the route."""
    path = getattr(request.scope.get("route"), "path", "")
    operations: dict[str, Any] = request.app.openapi()["paths"].get(path, {})
    method = "get" if request.method == "HEAD" else request.method.lower()
    parameters = operations.get(method, {}).get("parameters", [])
    return [parameter["name"] for parameter in parameters if parameter["in"] == "query"]
