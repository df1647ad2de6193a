"""The table of roles is complete: what is not in it, the code does not do."""

from __future__ import annotations

import ast
from pathlib import Path

from pynetdicom import sop_class

import undisc_node.dicom
from undisc_node.dicom.conformance import SERVICES

SOURCES = Path(undisc_node.dicom.__file__).parent


def test_every_sop_class_that_the_code_names_is_in_the_table():
    names = {
        alias.name
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "pynetdicom.sop_class"
        for alias in node.names
    }
    named = {str(getattr(sop_class, name)) for name in names}
    assert len(named) > 4
    assert named - {one.sop_class for one in SERVICES} == set()


def test_every_row_says_enough_to_connect_by():
    for one in SERVICES:
        assert one.role in {"SCP", "SCU"}
        assert one.name
        assert one.remark
        assert "|" not in one.remark
    assert len(set(SERVICES)) == len(SERVICES)
