"""Logs on stderr, ours and the libraries': JSON for machines, colours for people."""

from __future__ import annotations

import json as jsonlib
import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import Processor

# Libraries whose everyday messages are noise, or (websockets at debug) hold keys and captions.
_QUIET = {
    "uvicorn.access": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "watchfiles": logging.WARNING,
    "websockets": logging.INFO,
    "asyncio": logging.WARNING,
}
_SECRET = re.compile(r"(?i)([?&](?:session|key|token|ticket)=|\bbearer\s+)[^&\s\"'\\]+")


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
    # Neither shows local variables with a traceback: they hold keys and what people said.
    if as_json:
        return [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _dumps(value: Any, **options: Any) -> str:
    return jsonlib.dumps(value, ensure_ascii=False, **options)


class _SecretsHidden(structlog.stdlib.ProcessorFormatter):
    """Session tokens travel in addresses, and servers log addresses."""

    def format(self, record: logging.LogRecord) -> str:
        return _SECRET.sub(r"\1***", super().format(record))
