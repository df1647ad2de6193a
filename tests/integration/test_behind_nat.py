"""A node to which nobody can connect: everything goes over connections of its own.

Its public listener is bound to an address of its own that the other node does not know, and where
the other node thinks it is, nobody listens.
"""

import base64
import time
from contextlib import contextmanager

import pytest

from support.two_nodes import befriend, dicom_file, pixels, running, settings
from undisc_node.demo.nodes import free_port

pytestmark = pytest.mark.integration
SECONDS = 60
MANY = 24  # images of a megabyte each: several slices, and time to interrupt


@contextmanager
def hidden():
    """Yield a reachable node and one behind NAT, which know each other, and poll quickly."""
    with running("City Hospital", "Village Practice") as (city, village):
        befriend(city, village)
        hide(village)
        yield city, village


def hide(node):
    """Take a node's address away: the old one stays closed, and its card names none."""
    node.stop()
    settings(node, public__urls="[]", peers__poll_seconds="0.5")
    node.public_port = free_port()
    node.start()


def until(look, what):
    """Wait until something is so; return it."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {SECONDS} seconds: {what}")


def study_at(node, *, count=2, size=1000):
    """Import a study; return its id."""
    for number in range(1, count + 1):
        node.import_bytes(dicom_file(number, extra=pixels(bytes(size))))
    return until(lambda: [s for s in node.studies() if s["instances"] == count], "a study")[0]["id"]


def fetched(node, offer):
    """Fetch an offer and wait until the study is here."""
    made = node.admin.post("fetches", {"offer": base64.b64encode(offer).decode()})
    name = made.part("fetch").text("id")

    def done():
        row = node.admin.get(f"fetches/{name}").part("fetch").raw
        return row if row["state"] in ("done", "failed") and row["receipt"] != "due" else None

    return until(done, "the fetch ends")


def test_a_study_crosses_from_a_node_that_nobody_can_reach():
    with hidden() as (city, village):
        study = study_at(village, count=3, size=2_000_000)
        city_id = next(p["id"] for p in village.admin.get("peers").raw["peers"])
        _, offer = village.grant(study, city_id)
        row = fetched(city, offer)
        assert row["state"] == "done", row
        [copy] = city.studies()
        assert city.exported(copy["id"]) == village.exported(study)
        assert row["receipt"] == "taken"


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


def test_a_fetch_waits_for_a_holder_that_sleeps_and_survives_restarts():
    """Kill -9 of both in the middle of the push; in the end every byte is there."""
    with hidden() as (city, village):
        study = study_at(village, count=MANY, size=1_000_000)
        _, offer = village.grant(study, peer_id(village))
        until(lambda: city.admin.get("peers").raw["peers"], "a peer")
        village.stop()
        time.sleep(0.1)
        fetch = begun(city, offer)
        until(lambda: state(city, fetch)["problem"], "it says what it waits for")
        village.start()
        until(lambda: state(city, fetch)["bytes_done"] > 2_000_000, "bytes come")
        village.kill()
        village.start()
        until(lambda: state(city, fetch)["bytes_done"] > 6_000_000, "more bytes come")
        city.kill()
        city.start()
        row = until(lambda: _ended(city, fetch), "the fetch ends")
        assert row["state"] == "done", row
        [copy] = city.studies()
        assert city.exported(copy["id"]) == village.exported(study)


def _ended(node, fetch):
    row = state(node, fetch)
    return row if row["state"] in ("done", "failed") and row["receipt"] != "due" else None
