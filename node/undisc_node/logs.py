"""What the node writes on standard error: one line for each thing, as text or as JSON.

    2026-11-24T08:53:02.123Z INFO undisc.node the node is ready
    {"time": "2026-11-24T08:53:02.123Z", "level": "info", "logger": "undisc.node", "message": …}

No line holds patient data or a secret. Three rules here see to what our own lines cannot promise:

- Of an exception only its class and the places in the code are written, never its message: messages
  of foreign libraries quote what they failed on. Our own refusals add their stable code.
- Of a foreign library's line, what was filled in is left out, for the same reason.
- What Python itself would print (a thread that fails, a warning, a forgotten task) comes through
  here and follows the first rule.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

from undisc_node.services.errors import ServiceError
from undisc_protocol.errors import ProtocolError

OWN: Final = ("undisc", "undisc_node", "undisc_protocol")
REQUESTS: Final = "undisc_node.web.requests"  # one line for each HTTP request, if wanted
_LONGEST: Final = 4_096  # characters of a message; none of ours is nearly as long
_CAUSES: Final = 8  # exceptions of one chain that are written
_OFF: Final = logging.CRITICAL + 1

log = logging.getLogger("undisc.node")


class Line(logging.Formatter):
    """Turns a record into its parts; how they are written is up to the two formatters.

    Args:
        request_id: Returns the id of the request that is being answered, or nothing.
    """

    def __init__(self, request_id: Callable[[], str]) -> None:
        super().__init__()
        self._request_id = request_id

    def parts(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return time, level, logger, message and whatever else belongs to the line."""
        parts: dict[str, Any] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if request := self._request_id():
            parts["request"] = request
        parts |= getattr(record, "fields", {})
        if record.exc_info and isinstance(record.exc_info[1], BaseException):
            parts["exception"] = list(_told(record.exc_info[1]))
        return parts


class JsonLine(Line):
    """One JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        return json.dumps(self.parts(record), ensure_ascii=True)


class TextLine(Line):
    """One line for people; where an exception came from follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        parts = self.parts(record)
        head = [parts.pop("time"), parts.pop("level").upper(), parts.pop("logger")]
        message, came_from = parts.pop("message"), parts.pop("exception", [])
        rest = [f"{name}={value}" for name, value in parts.items()]
        return "\n    ".join([" ".join([*head, message, *rest]), *came_from])


def start(
    stream: TextIO,
    *,
    form: str,
    level: str,
    requests: bool,
    request_id: Callable[[], str],
) -> None:
    """Let every line of the process be written our way, from now on.

    Args:
        stream: Where to write.
        form: `text` or `json`.
        level: `debug`, `info`, `warning` or `error`.
        requests: Whether each HTTP request gets a line.
        request_id: Returns the id of the request that is being answered, or nothing.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter((JsonLine if form == "json" else TextLine)(request_id))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.raiseExceptions = False  # what could not be written would be printed with its values
    for name in OWN:
        logging.getLogger(name).setLevel(level.upper())
    logging.getLogger(REQUESTS).setLevel(logging.INFO if requests else _OFF)
    sys.excepthook = _of_process
    threading.excepthook = _of_thread
    sys.unraisablehook = _of_nobody
    warnings.showwarning = _of_warning


def of_loop(_loop: object, context: Mapping[str, Any]) -> None:
    """Log what the event loop reports; its own report would show values.

    For `asyncio.AbstractEventLoop.set_exception_handler`.
    """
    problem = context.get("exception")
    log.error("the event loop reports a mistake of this node", exc_info=_info(problem))


def _of_process(
    _kind: type[BaseException], problem: BaseException, _trace: TracebackType | None
) -> None:
    log.critical("the node ends by a mistake of its own", exc_info=_info(problem))


def _of_thread(failed: threading.ExceptHookArgs) -> None:
    log.error("a thread of the node failed", exc_info=_info(failed.exc_value))


def _of_nobody(failed: sys.UnraisableHookArgs) -> None:
    log.warning(
        "something failed while it was being cleared away", exc_info=_info(failed.exc_value)
    )


def _of_warning(
    message: Warning | str,  # noqa: ARG001 - it can quote values of a data set
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - signature of warnings.showwarning
    line: str | None = None,  # noqa: ARG001 - same
) -> None:
    log.debug("%s at %s:%d", category.__name__, os.path.basename(filename), lineno)  # noqa: PTH119 - a name is cut, no file is touched


def _info(
    problem: BaseException | None,
) -> tuple[type[BaseException], BaseException, TracebackType | None] | None:
    return (type(problem), problem, problem.__traceback__) if problem else None


def _time(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def _message(record: logging.LogRecord) -> str:
    """Return the message on one line, without what a foreign library filled in."""
    if record.name.partition(".")[0] in OWN:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
    else:
        text = str(record.msg).partition("\n")[0]
    return "".join(one if one.isprintable() else _escaped(one) for one in text[:_LONGEST])


def _escaped(character: str) -> str:
    """Return a control character as text, so that no value can make a line of its own."""
    return character.encode("unicode_escape").decode()


def _told(problem: BaseException) -> Iterator[str]:
    """Yield what is known of an exception and its causes: class, code, and places in the code."""
    chain: list[BaseException] = []
    following: BaseException | None = problem
    while following is not None and following not in chain and len(chain) < _CAUSES:
        chain.append(following)
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)
    for one in reversed(chain):
        for frame in traceback.extract_tb(one.__traceback__):
            yield f"{frame.filename}:{frame.lineno} in {frame.name}"
        yield f"{type(one).__module__}.{type(one).__qualname__}{_code(one)}"


def _code(problem: BaseException) -> str:
    """Return what may be said of an exception beside its class."""
    if isinstance(problem, ServiceError):
        return f" ({problem.reason})"
    if isinstance(problem, ProtocolError):
        return f" ({problem.code})"
    if isinstance(problem, OSError) and problem.strerror:
        return f" ({problem.strerror})"  # the system's words; the name of the file is left out
    return ""
