"""The log formats of the commands."""

from __future__ import annotations

import json
import logging


class JsonLines(logging.Formatter):
    """One JSON object on a line for each record.

    It has only the type of an exception: the text or the traceback may hold what must not be
    logged.
    """

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        line: dict[str, object] = {
            "time": int(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line)


def log_json_lines() -> None:
    """Log warnings and worse to standard error, in JSON for programs to read."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def log_warnings() -> None:
    """Log warnings and worse to standard error, as text."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
