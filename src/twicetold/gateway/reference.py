"""``/docs``: the API's reference as one plain page, made from its OpenAPI description.

The usual viewers fetch themselves from other hosts; this page fetches nothing, so it also
works where there is no network, and nobody learns that it was read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter()

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}pre{overflow:auto;padding:.7rem;border:1px solid #8886;"
    "border-radius:6px;font-size:.85rem}h2{margin-top:2.5rem}code{font-size:.92em}"
    "table{border-collapse:collapse}td,th{padding:.2rem .9rem .2rem 0;text-align:left;"
    "vertical-align:top}"
)
PLAIN_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-cache",
}
_METHODS = ("get", "put", "post", "delete")


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """The reference for people; ``/openapi.json`` is the one for programs."""
    return HTMLResponse("\n".join(page(request.app.openapi())), headers=PLAIN_HEADERS)


def plain_head(title: str) -> Iterator[str]:
    """The beginning of a page that needs nothing else; goes with PLAIN_HEADERS."""
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'


def page(description: Mapping[str, Any]) -> Iterator[str]:
    """The page of an OpenAPI description, line by line."""
    info = description["info"]
    title = escape(f"{info['title']} {info['version']}")
    yield from plain_head(title)
    yield f"<h1>{title}</h1><p>{_prose(info.get('description', ''))}</p>"
    yield '<p>For programs: <a href="openapi.json">openapi.json</a>.</p>'
    for path, operations in description["paths"].items():
        for method in _METHODS:
            if method in operations:
                yield from _operation(method, path, operations[method], description)


def _operation(
    method: str, path: str, operation: Mapping[str, Any], description: Mapping[str, Any]
) -> Iterator[str]:
    yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
    yield f"<p>{_prose(operation.get('description', ''))}</p>"
    yield from _parameters(operation.get("parameters", []))
    body = operation.get("requestBody")
    if body is not None:
        yield f"<p>Body: {_prose(body.get('description', 'JSON.'))}</p>"
        yield from _examples(body.get("content", {}), description)
    for status, response in operation.get("responses", {}).items():
        if status in ("default", "422"):
            continue
        yield f"<p><code>{status}</code> {_prose(response.get('description', ''))}</p>"
        yield from _examples(response.get("content", {}), description)


def _parameters(parameters: list[Mapping[str, Any]]) -> Iterator[str]:
    if not parameters:
        return
    yield "<table><tr><th>parameter</th><th>in</th><th>takes</th><th></th></tr>"
    for parameter in parameters:
        schema = parameter.get("schema", {})
        about = parameter.get("description", "")
        if "default" in schema:
            about += f" Default: {schema['default']}."
        cells = (f"<code>{escape(parameter['name'])}</code>", escape(parameter["in"]))
        yield f"<tr><td>{'</td><td>'.join(cells)}</td><td>{escape(_takes(schema))}</td>"
        yield f"<td>{_prose(about.strip())}</td></tr>"
    yield "</table>"


def _takes(schema: Mapping[str, Any]) -> str:
    """A parameter's type in words."""
    if "anyOf" in schema:
        kinds = [_takes(kind) for kind in schema["anyOf"] if kind.get("type") != "null"]
        return " or ".join(kinds)
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1].lower()
    words = str(schema.get("type", ""))
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        words += f", {least:.12g} to {most:.12g}"
    return words


def _examples(content: Mapping[str, Any], description: Mapping[str, Any]) -> Iterator[str]:
    for media_type, body in content.items():
        example = body.get("example", _example_of(body.get("schema", {}), description))
        if example is None:
            continue
        text = example if isinstance(example, str) else json.dumps(example, indent=2)
        yield f"<p><code>{escape(media_type)}</code></p><pre>{escape(text)}</pre>"


def _example_of(schema: Mapping[str, Any], description: Mapping[str, Any]) -> Any:
    """The first example of a schema that is named by reference; None where it has none."""
    name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
    known = description.get("components", {}).get("schemas", {}).get(name, {})
    return next(iter(known.get("examples", [])), None)


def _prose(text: str) -> str:
    """Text with `code` in it."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(pieces))
