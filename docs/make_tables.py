"""Writes the tables of settings and error codes into the pages that show them.

    uv run python -m docs.make_tables

Settings come from ``config.py`` and codes from ``errors.py``; ``tests/unit/test_tables.py``
fails where a page says something else.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from enum import EnumType
from pathlib import Path
from typing import Any, get_args, get_type_hints

from typer.models import ArgumentInfo

from twicetold import errors
from twicetold.cli.main import app
from twicetold.config import about_settings
from twicetold.errors import BadInput, TwicetoldError
from twicetold.gateway.live import _close_code as close_code
from twicetold.gateway.problems import status_of

ROOT = Path(__file__).resolve().parents[1]

# What each code means. What to do about it stands in errors.py, as the hint.
MEANINGS = {
    "bad_parameter": "a parameter, or a body, is not what it should be",
    "bad_identifier": "a call id or a tenant's name has characters that it may not have",
    "unsupported_encoding": "live audio in an encoding that is not known",
    "unsupported_rate": "live audio at a rate that is not usual",
    "odd_byte_count": "a message that ends in the middle of a sample",
    "sequence_gap": "a sequence number is missing",
    "sequence_repeat": "a sequence number came again",
    "unexpected_text": "a text message that is no command, or comes after `stop`",
    "unexpected_audio": "a binary message too short for its number, or after `stop`",
    "message_too_large": "a live message over 1 MiB, a JSON body over 64 KiB",
    "too_fast": "live audio came faster than real time for more than a minute",
    "idle_timeout": "a live client sent no audio for `idle_timeout_s`",
    "slow_reader": "for 30 s the client read nothing that the server sent",
    "not_a_stream_start": "a webm or ogg stream that starts in its middle",
    "not_audio": "an upload or a stream that is no sound",
    "truncated_audio": "an upload that is shorter than it says it is",
    "empty_audio": "an upload without any sound in it",
    "playlist_refused": "an upload that names other files instead of holding sound",
    "upload_too_large": "an upload over `max_upload_mb`",
    "unauthorized": "no key, a wrong one, a wrong session token or an old ticket",
    "engine_not_allowed": "the sound would go to a remote engine that the tenant has not allowed",
    "forbidden": "without tenants: a request from another machine or another site's page",
    "call_not_found": "there is no such call (or it is another tenant's)",
    "transcript_not_ready": "the version that was asked for does not stand yet",
    "transcript_not_found": "a version that this call does not have: an upload has no draft",
    "recording_not_found": "the call has no recording yet",
    "job_not_found": "the call has no (failed) job",
    "webhook_not_found": "there is no such endpoint, or no such delivery that failed",
    "call_id_in_use": "a call of that id is running",
    "call_id_used": "a call of that id is over, or has another recording",
    "call_deleted": "the call was deleted, for good",
    "swap_lost": "another process owns the call now",
    "session_lost": "the record of the running call is gone, or the call was closed meanwhile",
    "lease_lost": "another worker owns the job now",
    "disk_full": "the data directory cannot be written to",
    "data_directory_locked": "another server uses this data directory",
    "port_in_use": "something else listens on the port",
    "engine_failed": "the engine cannot do its work",
    "engine_refused": "a remote engine takes no such request, or not with that key",
    "engine_host_died": "a process of the engine died; it is replaced",
    "decoder_failed": "a decoding process died or took too long; it is replaced",
    "download_failed": "a model could not be fetched; what came of it is kept",
    "enrichment_failed": "the process that redacts and judges died, and died again",
    "redaction_unavailable": "redaction is on, and cannot be made of this: it is not shown",
    "llm_failed": "a language model gave no answer, or none that can be used",
    "llm_refused": "the server of a language model takes no such request, or not with that key",
    "llm_budget_spent": "a call has used up what a language model may cost it",
    "llm_not_allowed": "words would go to a language model that the tenant has not allowed",
    "overloaded": "`max_live_calls` are running, or the server failed on this connection",
    "corrupt_database": "one of our databases is damaged; the message names the file",
    "corrupt_log": "the log of a running call is damaged; the message names the file",
    "bad_setting": "a setting, or a flag, that cannot be used",
    "missing_model": "an engine needs a model that is not on this machine",
    "missing_extra": "something that only this command needs is not installed",
}
# The names of branches of the tree, which nothing raises by themselves, or only HTTP does.
BRANCHES = {"error", "bad_input", "not_allowed", "not_found", "conflict", "unavailable", "corrupt"}
# What ends a command, or keeps the server from starting: no client of a server meets it.
AT_START = {
    "data_directory_locked", "port_in_use", "corrupt_database", "corrupt_log", "bad_setting",
    "missing_extra", "missing_model", "download_failed",
    # In a result, as the reason why something else was used.
    "llm_failed", "llm_refused", "llm_budget_spent", "llm_not_allowed",
}  # fmt: skip

LIVE_ONLY = {
    "unsupported_encoding", "unsupported_rate", "odd_byte_count", "sequence_gap",
    "sequence_repeat", "unexpected_text", "unexpected_audio", "too_fast", "idle_timeout",
    "not_a_stream_start", "session_lost", "slow_reader",
}  # fmt: skip
HTTP_ONLY = {
    "empty_audio", "playlist_refused", "upload_too_large", "call_not_found",
    "transcript_not_ready", "recording_not_found", "job_not_found", "webhook_not_found",
}  # fmt: skip


def kinds() -> Iterator[type[TwicetoldError]]:
    """Every error that has a code of its own, in the order of errors.py."""
    for kind in vars(errors).values():
        ours = isinstance(kind, type) and issubclass(kind, TwicetoldError)
        if ours and kind.code not in BRANCHES:
            yield kind


def settings_short() -> Iterator[str]:
    yield "| setting | default | meaning |"
    yield "| --- | --- | --- |"
    for about in about_settings():
        yield f"| `{about.name}` | {_code(about.default)} | {about.meaning} |"


def settings_long() -> Iterator[str]:
    yield "| setting | default | takes | meaning |"
    yield "| --- | --- | --- | --- |"
    for about in about_settings():
        takes = about.takes.replace("|", "\\|")
        yield f"| `{about.name}` | {_code(about.default)} | {takes} | {about.meaning} |"


def bad_input() -> Iterator[str]:
    yield "| code | what was wrong | what to do |"
    yield "| --- | --- | --- |"
    for kind in kinds():
        if issubclass(kind, BadInput):
            yield f"| `{kind.code}` | {_sentence(kind)} | {_hint(kind)} |"


def all_errors() -> Iterator[str]:
    yield "| code | HTTP | live | try again? | meaning | what to do |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for kind in kinds():
        status = "—" if kind.code in AT_START | LIVE_ONLY else str(status_of(kind("")))
        close = "—" if kind.code in AT_START | HTTP_ONLY else str(close_code(kind("")))
        retry = "yes" if kind.retryable else "no"
        cells = (f"`{kind.code}`", status, close, retry, _sentence(kind), _hint(kind))
        yield f"| {' | '.join(cells)} |"


def commands() -> Iterator[str]:
    """Every command with what it takes, as its function declares it."""
    for command in app.registered_commands:
        yield from _command(str(command.name), command.callback)
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            yield from _command(f"{group.name} {command.name}", command.callback)


def _command(name: str, function: Any) -> Iterator[str]:
    hints = get_type_hints(function, include_extras=True)
    arguments, options = [], []
    for parameter in inspect.signature(function).parameters.values():
        kind, info = get_args(hints[parameter.name])
        if isinstance(info, ArgumentInfo):
            arguments.append(str(info.metavar or parameter.name.upper()))
        else:
            # In an Annotated type the first name stands where a default would.
            first = [info.default] if str(info.default).startswith("-") else []
            names = [*first, *(info.param_decls or ())]
            names = names or [f"--{parameter.name.replace('_', '-')}"]
            options.append((names, kind, info, parameter.default))
    yield f"## twicetold {name}"
    yield ""
    yield f"`twicetold {' '.join([name, *arguments])}`" if arguments else f"`twicetold {name}`"
    yield ""
    yield " ".join((inspect.getdoc(function) or "").split())
    yield ""
    if options:
        yield "| option | meaning |"
        yield "| --- | --- |"
        for names, kind, info, default in options:
            yield f"| {_option(names, kind, info)} | {_about(info, default)} |"
        yield ""


def _option(names: Any, kind: Any, info: Any) -> str:
    shown = ", ".join(f"`{name}`" for name in names)
    choices = [one for one in (get_args(kind) or (kind,)) if isinstance(one, EnumType)]
    if choices:
        return f"{shown} {', '.join(choices[0])}"
    if kind is bool:
        return shown
    return f"{shown} {info.metavar}" if info.metavar else shown


def _about(info: Any, default: Any) -> str:
    words = str(info.help or "").replace("|", "\\|")
    return words if default in (None, False) else f"{words} Default: {default}."


TABLES: dict[str, tuple[str, Callable[[], Iterator[str]]]] = {
    "settings": ("README.md", settings_short),
    "bad-input": ("README.md", bad_input),
    "all-settings": ("docs/reference/configuration.md", settings_long),
    "commands": ("docs/reference/cli.md", commands),
    "all-errors": ("docs/reference/errors.md", all_errors),
}


def with_tables(page: str, text: str) -> str:
    """A page's text as it should be. Raises LookupError where a table has no place in it."""
    for name, (on_page, lines) in TABLES.items():
        if on_page != page:
            continue
        place = re.compile(rf"(<!-- {name}: .*?-->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not place.search(text):
            raise LookupError(f"{page} has no place for the table {name!r}")
        table = "\n".join(lines())
        text = place.sub(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)  # type: ignore[misc]
    return text


def pages() -> list[str]:
    """The pages that hold tables."""
    return sorted({page for page, _ in TABLES.values()})


def _code(default: str) -> str:
    return f"`{default}`" if default else "none"


def _sentence(kind: type[TwicetoldError]) -> str:
    return MEANINGS[kind.code]


def _hint(kind: type[TwicetoldError]) -> str:
    return kind.default_hint.replace("|", "\\|") or "the message says"


if __name__ == "__main__":
    for page in pages():
        path = ROOT / page
        path.write_text(with_tables(page, path.read_text(encoding="utf-8")), encoding="utf-8")
