"""Log lines as the node writes them, caught in the test's own process."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from undisc_node.logs import JsonLine, TextLine
from undisc_node.web import request_ids


@contextmanager
def written(form: str = "text") -> Iterator[io.StringIO]:
    """Catch what the node would write at level DEBUG, in its own form."""
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter((JsonLine if form == "json" else TextLine)(request_ids.current))
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
