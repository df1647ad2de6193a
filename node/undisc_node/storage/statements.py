"""Builds the few SQL statements that every table needs from its own list of columns.

Table and column names are constants of this package; values always travel as parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_KEPT: Final = 512  # statements; some name as many values as there are, so there is no end of them


@dataclass(frozen=True, slots=True)
class Columns:
    """A table and its columns, in the order rows are read and written.

    Attributes:
        table: Name of the table.
        names: Names of the columns; the first is the primary key.
    """

    table: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, table: str, names: str) -> Columns:
        """Take the columns from text, separated by spaces."""
        return cls(table, tuple(names.split()))

    @lru_cache(maxsize=_KEPT)  # noqa: B019 - tables are constants, and never go away
    def select(self, rest: str) -> str:
        """Return a query for all columns; `rest` follows the table's name."""
        return " ".join(("SELECT", ", ".join(self.names), "FROM", self.table, rest))

    @lru_cache(maxsize=_KEPT)  # noqa: B019 - tables are constants, and never go away
    def insert(self, rest: str = "") -> str:
        """Return a statement that adds a row; it fails when the key is there already."""
        marks = ", ".join("?" * len(self.names))
        columns = ", ".join(self.names)
        return " ".join(("INSERT INTO", self.table, f"({columns}) VALUES ({marks})", rest))

    @lru_cache(maxsize=_KEPT)  # noqa: B019 - tables are constants, and never go away
    def put(self) -> str:
        """Return a statement that adds a row, or replaces the one with the same key.

        Not `INSERT OR REPLACE`: that deletes the old row, and whatever refers to it.
        """
        key, *others = self.names
        changes = ", ".join(f"{name} = excluded.{name}" for name in others)
        return self.insert(f"ON CONFLICT ({key}) DO UPDATE SET {changes}")
