"""The tree of errors: one leaf, one code, one layer."""

import re

import pytest

from undisc_protocol import errors
from undisc_protocol.errors import (
    REMOTE_CODES,
    Expired,
    LocalProtocolError,
    ProtocolError,
    RemoteFault,
    RemoteProtocolError,
    class_of_code,
)

LEAVES = RemoteProtocolError.__subclasses__()


def test_codes_are_unique():
    assert len(REMOTE_CODES) == len(LEAVES) == len({leaf.code for leaf in LEAVES})


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_leaf_says_everything(leaf):
    assert re.fullmatch(r"[a-z_]{3,64}", leaf.code)
    assert re.fullmatch(r"[a-z]+", leaf.layer)
    assert 400 <= leaf.status < 600
    assert leaf.__doc__
    below = [
        kind for kind in leaf.__subclasses__() if kind.__module__.startswith("undisc_protocol")
    ]
    assert not below
    assert class_of_code(leaf.code) is leaf


def test_an_unknown_code_is_the_other_sides_fault():
    """A newer node may refuse for reasons this version does not know."""
    assert class_of_code("reason_of_2035") is RemoteFault
    assert class_of_code("remote_error") is RemoteFault


def test_fault_is_on_one_side():
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, ProtocolError):
            sides = issubclass(value, LocalProtocolError) + issubclass(value, RemoteProtocolError)
            assert sides == (value is not ProtocolError), name


def test_hints_are_sentences_for_people():
    assert Expired.hint
    assert all(not leaf.hint.endswith(".") for leaf in LEAVES)
