"""DCMTK's programs for tests: the other implementation that everybody meets in practice."""

from __future__ import annotations

from support.programs import package


def dcmtk(program: str) -> str:
    """Return the path of a DCMTK program, installing DCMTK where that is possible."""
    return package(program, "dcmtk")
