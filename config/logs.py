"""What does a log line look like? One JSON object in production, a readable line while trying out.

People's data are in neither.
"""

import sys
from typing import Any

import structlog

from agents.privacy.scrubbing import scrub_line


def logging_settings(*, readable: bool, level: str) -> dict[str, Any]:
    """Django's LOGGING. All lines end in one form, structlog's and the standard library's."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _shared(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_last(readable),
                ],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Our own line for each request says the same, and more.
            "django.server": {"handlers": [], "propagate": False},
            "django.request": {"level": "ERROR"},
            # A hint comes and goes many times a second; what a task does stands in its journal.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            # A queue of requests is ordinary while the one process is busy; waitress warns of each.
            "waitress.queue": {"level": "ERROR"},
        },
    }


def configure_structlog() -> None:
    """Send structlog's lines through the standard library's handlers."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _last(readable: bool) -> list[Any]:
    renderer: Any = structlog.processors.JSONRenderer()
    if readable:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return [structlog.processors.format_exc_info, scrub_line, renderer]
