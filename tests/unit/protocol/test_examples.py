"""The examples in the protocol's own documentation are true."""

import doctest
import importlib
import pkgutil

import pytest

import undisc_protocol

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(
        undisc_protocol.__path__, undisc_protocol.__name__ + "."
    )
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    """The test above would also pass if nothing was found."""
    assert doctest.testmod(importlib.import_module("undisc_protocol.dagcbor")).attempted >= 2
