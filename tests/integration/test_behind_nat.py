"""A node to which nobody can connect: everything goes over connections of its own.

Its card names no address, and where the other node thinks it is, nobody listens.
"""

from __future__ import annotations

import base64
import time

import pytest

from support.two_nodes import RunningNode, befriend, dicom_file, pixels, settings, short_directory
from undisc_node.demo.nodes import free_port

pytestmark = pytest.mark.integration

SECONDS = 60
MANY = 24  # images of a megabyte each: several slices, and time to interrupt
SAID = {
    "decision": "yes",
    "patient_id": "P-100",
    "patient_name": "Doe^Jane",
    "birth_date": "1970-01-02",
    "decider": "self",
    "covers": "visit",
    "language": "en",
    "method": "paper",
    "witness": "Anna",
}


@pytest.fixture(scope="module")
def nodes():
    """A hospital that can be reached, and a practice behind NAT; they know each other."""
    with short_directory() as directory:
        city = RunningNode(directory / "city", "City Hospital")
        village = RunningNode(directory / "village", "Village Practice")
        try:
            for node in (city, village):
                node.init()
                settings(node, ingest__settle_seconds="1")
                path = node.home / "undisc.toml"
                path.write_text(path.read_text() + "\n[release]\nminutes = 0\n")
                node.start()
            befriend(city, village)
            hide(village)
            yield city, village
        finally:
            for node in (city, village):
                node.stop()


def hide(node):
    """Take a node's address away: the old one stays closed, and its card names none."""
    node.stop()
    settings(node, public__urls="[]", peers__poll_seconds="0.5")
    path = node.home / "undisc.toml"
    path.write_text(path.read_text() + '\n[offers]\ntake = "fetch"\n')
    node.public_port = free_port()
    node.start()


def until(look, what):
    """Wait until something is so; return it."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {SECONDS} seconds: {what}")


def study_at(node, uid, *, count, size):
    """Import a study; return its id."""
    for number in range(1, count + 1):
        made = node.import_bytes(dicom_file(number, study=uid, extra=pixels(bytes(size))))
    return made.text("study")


def peer_id(node):
    """Return the id of the one peer of a node."""
    [peer] = node.admin.get("peers").raw["peers"]
    return peer["id"]


def begun(node, offer):
    """Begin to fetch an offer; return the fetch's id."""
    made = node.admin.post("fetches", {"offer": base64.b64encode(offer).decode()})
    return made.part("fetch").text("id")


def state(node, fetch):
    """Return a fetch as it stands."""
    return dict(node.admin.get(f"fetches/{fetch}").part("fetch").raw)


def ended(node, fetch):
    """Wait until a fetch has ended, its receipt included; return it."""

    def look():
        row = state(node, fetch)
        return row if row["state"] in ("done", "failed") and row["receipt"] != "due" else None

    return until(look, "the fetch ends")


def copy_of(node, uid):
    """Return the id of a study that a node has, or None."""
    return next((one["id"] for one in node.studies() if one["uid"] == uid), None)


def test_an_offer_and_a_notice_reach_who_cannot_be_reached(nodes):
    """A yes in the city: the village takes the offer along, fetches, and hears of a late image."""
    city, village = nodes
    scan = {"patient_id": b"P-100", "birth_date": b"19700102", "accession": b"A-7"}
    city.admin.post("consents", {**SAID, "orders": ["A-7"], "peers": ["Village Practice"]})
    city.import_bytes(dicom_file(1, study="1.2.7", **scan))
    until(lambda: copy_of(village, "1.2.7"), "the offer arrives, and the study is fetched")
    until(lambda: city.events("offer.handed"), "the city hears what became of the offer")
    city.import_bytes(dicom_file(2, study="1.2.7", **scan))
    copy = copy_of(village, "1.2.7")
    until(lambda: len(village.instances(copy)) == 2, "the notice arrives, and the image is fetched")
    assert village.exported(copy) == city.exported(copy_of(city, "1.2.7"))


def test_a_study_crosses_from_who_sleeps_and_both_are_killed_meanwhile(nodes):
    """The fetch says what it waits for; kill -9 on either side; in the end every byte is there."""
    city, village = nodes
    study = study_at(village, "1.2.8", count=MANY, size=1_000_000)
    _, offer = village.grant(study, peer_id(village))
    village.stop()
    fetch = begun(city, offer)
    until(lambda: state(city, fetch)["problem"], "it says what it waits for")
    village.start()
    until(lambda: state(city, fetch)["bytes_done"] > 2_000_000, "bytes come")
    village.kill()
    village.start()
    until(lambda: state(city, fetch)["bytes_done"] > 6_000_000, "more bytes come")
    city.kill()
    city.start()
    row = ended(city, fetch)
    assert (row["state"], row["receipt"]) == ("done", "taken"), row
    assert city.exported(copy_of(city, "1.2.8")) == village.exported(study)
    assert city.admin.get("outgoing").raw["outgoing"] == []


def test_a_revocation_ends_a_push(nodes):
    """It breaks off in the middle, and what was granted is taken back before the holder is back.

    That it bites before the next slice, the tests of services and of streams show without chance.
    """
    city, village = nodes
    study = study_at(village, "1.2.9", count=MANY, size=4_000_000)
    grant, offer = village.grant(study, peer_id(village))
    fetch = begun(city, offer)
    until(lambda: state(city, fetch)["bytes_done"] > 0, "bytes come")
    village.kill()
    village.start()
    village.admin.post(f"grants/{grant}/revoke")
    row = ended(city, fetch)
    assert (row["state"], row["problem"]["code"]) == ("failed", "revoked")
    assert copy_of(city, "1.2.9") is None
