"""Which version of undisc has written a database: a number in the file's own header.

SQLite keeps `user_version` in the header of a file and changes it with the transaction around it,
so the mark never disagrees with the tables. 0 is what version 0.1.0 left: it did not know the mark.
"""

from __future__ import annotations

import re
import sqlite3
from importlib.metadata import version
from typing import Final

_FIRST: Final = "0.1.0"
_STEP: Final = 1_000  # 1.2.3 is written as 1_002_003; the header has room for 31 bits


def running_version() -> str:
    """Return the version of this program, without what stands behind its three numbers."""
    return _spoken(_number(version("undisc")))


def written_by(connection: sqlite3.Connection) -> str:
    """Return the version that last wrote to a database."""
    number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return _spoken(number) if number else _FIRST


def mark(connection: sqlite3.Connection, by: str) -> None:
    """Note in the current transaction which version writes.

    Args:
        connection: To the database.
        by: The version, such as "0.2.0".
    """
    if written_by(connection) != by:
        connection.execute(f"PRAGMA user_version = {_number(by)}")


def order(of: str) -> int:
    """Return a number by which versions can be sorted."""
    return _number(of)


def _number(text: str) -> int:
    found = re.match(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})", text)
    if found is None:
        raise ValueError(f"not a version: {text}")
    major, minor, patch = (int(part) for part in found.groups())
    return (major * _STEP + minor) * _STEP + patch


def _spoken(number: int) -> str:
    rest, patch = divmod(number, _STEP)
    major, minor = divmod(rest, _STEP)
    return f"{major}.{minor}.{patch}"
