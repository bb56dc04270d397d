"""``twicetold search``: where something was said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twicetold.cli.console import clock, note, out, run, say
from twicetold.cli.options import ConfigOption, KeyOption, UrlOption, server_of

if TYPE_CHECKING:
    from rich.text import Text


def search(
    query: Annotated[
        list[str], typer.Argument(metavar="WORDS…", help='Words; "a phrase"; a begin* of a word.')
    ],
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many places.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="Where the next page begins.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As the API gives them.")] = False,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """Find where something was said, in the best transcript of each call."""
    page = run(_search(server_of(url, key, config), " ".join(query), limit, cursor))
    if as_json:
        say(json.dumps(page, indent=2, ensure_ascii=False))
        return
    for hit in page["hits"]:
        out().print(_line(hit), soft_wrap=True)
    if not page["hits"]:
        note("Nothing found.")
    elif page.get("cursor"):
        note(f"More: --cursor {page['cursor']}")


async def _search(
    server: tuple[str, str | None], query: str, limit: int, cursor: str | None
) -> dict[str, Any]:
    from twicetold.client import ApiClient

    async with ApiClient(*server) as api:
        return await api.search(query, limit, cursor)


def _line(hit: Mapping[str, Any]) -> Text:
    from rich.text import Text

    head = (f"{hit['call_id']}  {clock(hit['start'])}  ", "dim")
    return Text.assemble(head, highlighted(hit["snippet"]))


def highlighted(snippet: Mapping[str, Any]) -> Text:
    """A snippet with what was found in bold."""
    from rich.text import Text

    text = Text(snippet["text"])
    for first, end in snippet["matches"]:
        text.stylize("bold yellow", first, end)
    return text
