"""Stands in for the sum of a node."""

from __future__ import annotations


class FakeStatus:
    def status(self):
        return {"version": "0.1.0"}
