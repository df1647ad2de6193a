"""Log lines: one line each, with time and request, and never what an exception says."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
import threading
import warnings

import pytest

from support.lines import written
from undisc_node import logs
from undisc_node.services.errors import Invalid
from undisc_protocol.errors import BadTicket

PATIENT = "Meier^Anna 1961"


def fail(problem: BaseException) -> None:
    try:
        raise problem
    except type(problem):
        logging.getLogger("undisc_node.test").exception("something failed")


def test_a_line_has_time_level_logger_and_message():
    with written() as lines:
        logging.getLogger("undisc_node.test").warning("the disk is %s", "slow")
    head, rest = lines.getvalue().split(" ", 1)
    assert rest == "WARNING undisc_node.test the disk is slow\n"
    assert head.endswith("Z")
    assert len(head) == len("2026-11-24T08:53:02.123Z")


def test_json_is_one_object_on_one_line_whatever_is_in_it():
    with written("json") as lines:
        fail(ValueError("two\nlines"))
        logging.getLogger("undisc_node.test").info("a\nb\u2028c", extra={"fields": {"ms": 1.5}})
    first, second = map(json.loads, lines.getvalue().splitlines())
    assert first["exception"][-1] == "builtins.ValueError"
    assert first["level"] == "error"
    assert second["message"] == "a\\nb\\u2028c"
    assert second["ms"] == 1.5


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_value_can_make_a_line_of_its_own(form):
    """A forged line in the log would be one that the node did not write."""
    with written(form) as lines:
        logging.getLogger("undisc_node.test").warning("from %s", "x\n2026 ERROR forged\r\x1b[2J")
    assert len(lines.getvalue().splitlines()) == 1
    assert "\x1b" not in lines.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_is_told_by_class_and_place_and_not_by_its_message(form):
    problem = RuntimeError(PATIENT)
    problem.__context__ = KeyError(PATIENT)
    with written(form) as lines:
        fail(problem)
        fail(OSError(28, "No space left on device", f"/tmp/{PATIENT}"))
    text = lines.getvalue()
    assert "Meier" not in text
    assert "builtins.KeyError" in text
    assert "builtins.RuntimeError" in text
    assert "test_logs.py" in text
    assert "No space left on device" in text


def test_our_own_refusals_are_told_with_their_code():
    with written() as lines:
        fail(Invalid(PATIENT, code="bad_key"))
        fail(BadTicket(PATIENT))
    assert "Invalid (bad_key)" in lines.getvalue()
    assert "BadTicket (bad_ticket)" in lines.getvalue()
    assert "Meier" not in lines.getvalue()


def test_exceptions_that_cause_each_other_come_to_an_end():
    one, two = ValueError(), ValueError()
    one.__context__, two.__context__ = two, one
    with written() as lines:
        logging.getLogger("undisc").error("x", exc_info=one)
    assert lines.getvalue().count("ValueError") == 2


def test_what_a_library_fills_into_its_lines_is_left_out():
    with written() as lines:
        logging.getLogger("somelib.deep").warning("cannot read %r", PATIENT)
    assert "Meier" not in lines.getvalue()
    assert "cannot read %r" in lines.getvalue()


def test_what_pydicom_and_pynetdicom_say_is_heard_nowhere():
    import undisc_node.dicom  # noqa: F401, PLC0415

    with written() as lines:
        for name in ("pydicom", "pynetdicom", "pynetdicom.dimse"):
            logging.getLogger(name).critical("PatientName %s", PATIENT)
    assert lines.getvalue() == ""


@pytest.fixture
def started():
    """Let the process write as a node does; put everything back afterwards."""
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning
    root = logging.getLogger()
    handlers, level, loud = root.handlers[:], root.level, logging.raiseExceptions
    levels = {name: logging.getLogger(name).level for name in (*logs.OWN, logs.REQUESTS)}
    stream = io.StringIO()
    root.handlers.clear()
    logs.start(stream, form="json", level="debug", requests=False, request_id=lambda: "ab12")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = loud
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning = hooks


def test_a_thread_that_fails_is_told_without_its_message(started):
    def work():
        raise ValueError(PATIENT)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    line = json.loads(started.getvalue())
    assert line["message"] == "a thread of the node failed"
    assert line["request"] == "ab12"
    assert "Meier" not in started.getvalue()


def test_a_task_that_nobody_waits_for_is_told_without_its_message(started):
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(logs.of_loop)
        loop.call_soon(_raise, PATIENT)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert "ValueError" in started.getvalue()
    assert "Meier" not in started.getvalue()


def _raise(value):
    raise ValueError(value)


def test_a_warning_is_told_without_its_text(started):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = logs._of_warning
        warnings.warn(f"bad value {PATIENT}", UserWarning, stacklevel=1)
    assert "UserWarning at test_logs.py" in started.getvalue()
    assert "Meier" not in started.getvalue()


def test_request_lines_are_off_unless_wanted(started):
    logging.getLogger(logs.REQUESTS).warning("request")
    assert started.getvalue() == ""
    logs.start(started, form="text", level="error", requests=True, request_id=lambda: "")
    logging.getLogger(logs.REQUESTS).info("request")
    assert "request" in started.getvalue()


def test_a_process_that_ends_by_a_mistake_says_so_without_its_message():
    """Python's own traceback would quote the message."""
    program = (
        "import sys; from undisc_node import logs;"
        "logs.start(sys.stderr, form='text', level='info', requests=False, request_id=str);"
        f"raise ValueError({PATIENT!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "CRITICAL undisc.node the node ends" in done.stderr
    assert "ValueError" in done.stderr
    assert "Meier" not in done.stderr
