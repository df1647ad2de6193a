"""The records that pages for people need, in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from support.memory_desk import Desk, Wishes
from support.memory_patients import Browsing, Patients
from support.memory_tables import Tables


class PeopleRecords:
    def __init__(self, tables: Tables, *, writable: bool) -> None:
        self.desk = Desk(tables, writable=writable)
        self.wishes = Wishes(tables, writable=writable)
        self.browsing = Browsing(tables, writable=writable)
        self.patients = Patients(tables, writable=writable)
