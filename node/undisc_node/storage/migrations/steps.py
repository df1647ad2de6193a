"""Where the catalog's steps are collected, in the order of their numbers."""

from __future__ import annotations

from typing import Final

from sqlite_utils.migrations import Migrations

CATALOG: Final = Migrations("undisc-catalog")
