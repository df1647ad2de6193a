"""One node for all attacks, and proof after each that it goes on working."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.refusing import Link, Practice, read
from support.two_nodes import running
from undisc_protocol.capability.delegation import (
    read_delegation,
)


@pytest.fixture(scope="session")
def practice() -> Iterator[Practice]:
    with running("Practice A") as [node]:
        yield Practice(node)


@pytest.fixture(autouse=True)
def still_serves(practice) -> Iterator[None]:
    """Whatever was tried, the node goes on serving those who may."""
    yield
    granted = practice.ask(practice.friend, practice.friends_chain)
    assert len(granted.manifest.objects) == 3
    said = read(practice, granted.ticket, f"bytes=0-{granted.manifest.stored - 1}")
    assert (said.status, len(said.body)) == (206, granted.manifest.stored)


@pytest.fixture(scope="session")
def link(practice) -> Link:
    grant, key, token = practice.node.link_grant(practice.study)
    return Link(practice, grant, key, read_delegation(token))
