"""Logs on stderr, ours and the libraries': JSON for machines, colours for people."""

from __future__ import annotations

import json as jsonlib
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from itertools import islice
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from twicetold.errors import TwicetoldError

# Libraries whose everyday messages are noise, or (WebSockets at debug, which uvicorn logs under its
# own name) hold keys and captions.
# What aiormq has to say of lost connections, the broker says better.
_QUIET = {
    "uvicorn.access": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "watchfiles": logging.WARNING,
    "websockets": logging.INFO,
    "uvicorn.error": logging.INFO,
    "asyncio": logging.WARNING,
    "aiormq": logging.CRITICAL,
    "aio_pika": logging.CRITICAL,
}
_FRAMES = 12
_MOST_LINES = 60
_SECRET = re.compile(
    r"(?i)([?&](?:session|key|token|ticket)=|\bbearer\s+|\btwicetold\.key\.)[^&\s,\"'\\]+"
)


def configure(level: str, *, json: bool | None = None) -> None:
    """Send structlog's and the standard library's logs to stderr, from ``level`` on.

    ``json`` None: JSON unless stderr is a terminal. May be called again.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    as_json = not sys.stderr.isatty() if json is None else json
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    _take_over_standard_logging(number, shared, as_json)


def _take_over_standard_logging(number: int, shared: list[Processor], as_json: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _SecretsHidden(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(as_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, number))


def _renderers(as_json: bool) -> list[Processor]:
    if as_json:
        return [_exceptions_told, structlog.processors.JSONRenderer(serializer=_dumps)]
    return [
        _exceptions_told,
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        ),
    ]


def _exceptions_told(_: object, __: str, event: EventDict) -> EventDict:
    """Of an exception its kind and where it was raised. Its text and local variables may hold
    keys and what people said; only what we raise ourselves is known not to."""
    told = event.pop("exc_info", None)
    if told is True:
        told = sys.exc_info()
    error = told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        event["exception"] = "\n".join(islice(_told(error), _MOST_LINES))
    return event


def _told(error: BaseException, why: str = "") -> Iterator[str]:
    kind = type(error)
    said = f": {error}" if isinstance(error, TwicetoldError) else ""
    yield f"{why}{kind.__module__}.{kind.__qualname__}{said}"
    for frame in traceback.extract_tb(error.__traceback__)[-_FRAMES:]:
        yield f"  {frame.filename}:{frame.lineno} {frame.name}"
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _told(one, "one of them: ")
    if error.__cause__ is not None:
        yield from _told(error.__cause__, "caused by ")
    elif error.__context__ is not None and not error.__suppress_context__:
        yield from _told(error.__context__, "while handling ")


def _dumps(value: Any, **options: Any) -> str:
    return jsonlib.dumps(value, ensure_ascii=False, **options)


class _SecretsHidden(structlog.stdlib.ProcessorFormatter):
    """Session tokens travel in addresses, and servers log addresses."""

    def format(self, record: logging.LogRecord) -> str:
        return _SECRET.sub(r"\1***", super().format(record))
