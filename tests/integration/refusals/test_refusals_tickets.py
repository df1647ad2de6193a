"""A ticket opens what it was made for, and nothing else."""

from __future__ import annotations

import secrets

import pytest

from support.hostile_peer import (
    PACKS,
    authorization,
    speak,
)
from support.refusing import assert_bad_ticket, error_code, read, series_of

pytestmark = pytest.mark.integration


def test_tickets_that_were_never_given_open_nothing(practice):
    """Guessed, damaged, misspelt, doubled and missing tickets."""
    ticket = practice.ask(practice.friend, practice.friends_chain).ticket
    name, text = authorization(ticket)
    span = ("Range", "bytes=0-9")
    for headers in (
        [authorization(secrets.token_bytes(32))],
        [authorization(bytes([ticket[0] ^ 1]) + ticket[1:])],
        [authorization(ticket[:31])],
        [(name, text + "=")],
        [(name, text.replace("Undisc", "Bearer"))],
        [(name, text), (name, text)],
        [],
    ):
        assert_bad_ticket(speak(practice.node.url, "GET", PACKS, headers=[*headers, span]))
    query = speak(practice.node.url, "GET", f"{PACKS}?ticket={text[7:]}", headers=[span])
    assert_bad_ticket(query)


def test_a_ticket_opens_its_extents_and_nothing_beside_them(practice):
    """Ranges before, behind and across the end; several at once; none; suffixes."""
    granted = practice.ask(practice.friend, practice.friends_chain)
    total = granted.manifest.stored
    for span in (
        f"bytes={total}-{total}",
        f"bytes=0-{total}",
        f"bytes={total - 1}-{total + 1000}",
        "bytes=0-9,20-29",
        "bytes=-10",
        "bytes=9-0",
        "bytes=0-99999999999999999999",
        "chunks=0-9",
        "bytes=0x0-0x9",
    ):
        said = read(practice, granted.ticket, span)
        assert (said.status, error_code(said)) == (416, "outside_extent"), span
    whole = speak(practice.node.url, "GET", PACKS, headers=[authorization(granted.ticket)])
    assert (whole.status, error_code(whole)) == (416, "outside_extent")
    assert len(read(practice, granted.ticket, f"bytes={total - 1}-").body) == 1


def test_a_ticket_for_one_series_has_no_byte_of_another(practice, link):
    """Two tickets, each for a series: their streams have nothing in common and end where due."""
    names = series_of(practice)
    streams = []
    for name in names.values():
        granted = practice.ask(practice.friend, practice.friends_chain, series=(name,))
        end = granted.manifest.stored
        streams.append(read(practice, granted.ticket, f"bytes=0-{end - 1}").body)
        assert read(practice, granted.ticket, f"bytes=0-{end}").status == 416
    assert len(streams) == 2
    assert streams[0] not in streams[1]
    assert streams[1] not in streams[0]


def test_objects_that_are_there_are_left_out_of_the_ticket(practice):
    """`have` makes the stream smaller, never larger; names of nobody's objects change nothing."""
    everything = practice.ask(practice.friend, practice.friends_chain).manifest
    have = (everything.objects[0].id, secrets.token_bytes(16))
    rest = practice.ask(practice.friend, practice.friends_chain, have=have).manifest
    assert {one.id for one in rest.objects} == {one.id for one in everything.objects[1:]}
