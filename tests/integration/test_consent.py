"""A yes at check-in brings the study to the named hospital, a withdrawal ends it: real nodes."""

from __future__ import annotations

import base64
import time

import pytest

from support.dicom_files import IMPLICIT, SC, data_set
from support.raw_sender import RawSender
from support.two_nodes import RunningNode, befriend, short_directory

pytestmark = pytest.mark.integration

_SECONDS = 60.0
SAID = {
    "decision": "yes",
    "patient_id": "P-100",
    "patient_name": "Doe^Jane",
    "birth_date": "1970-01-02",
    "decider": "self",
    "covers": "visit",
    "language": "es",
    "method": "paper",
    "witness": "Anna",
}


def until(condition):
    """Wait for what the nodes do by themselves every few seconds."""
    deadline = time.monotonic() + _SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def practices():
    """An imaging practice that releases at once, and a hospital."""
    with short_directory() as directory:
        practice = RunningNode(directory / "a", "Practice A")
        hospital = RunningNode(directory / "b", "Hospital B")
        try:
            for node in (practice, hospital):
                node.init()
            path = practice.home / "undisc.toml"
            text = path.read_text().replace("[ingest]", "[ingest]\nsettle_seconds = 1")
            path.write_text(text + "\n[release]\nminutes = 0\n")
            for node in (practice, hospital):
                node.start()
            befriend(practice, hospital)
            yield practice, hospital
        finally:
            for node in (practice, hospital):
                node.stop()


def scan(node, study, accession, patient_id=b"P-100", number=1):
    """Send one image as a modality does."""
    uid = f"{study}.1.{number}"
    body = data_set(
        study_uid=study.encode(),
        series_uid=f"{study}.1".encode(),
        sop_uid=uid.encode(),
        accession=accession,
        patient_id=patient_id,
        birth_date=b"19700102",
    )
    with RawSender(("127.0.0.1", node.dicom_port), [(SC, IMPLICIT)]) as sender:
        assert sender.store(1, SC, uid, body)[0] == 0
        sender.release()


def offers(node, visit):
    return node.admin.get(f"visits/{visit}/offers").raw["offers"]


def test_a_yes_at_check_in_brings_the_study_to_the_named_hospital(practices):
    """Nobody clicks: consent, C-STORE, settlement, release, grant; a restart changes nothing."""
    practice, hospital = practices
    said = {**SAID, "orders": ["A-7"], "peers": ["Hospital B"]}
    opened = practice.admin.post("consents", said).raw
    consent, visit = opened["consent"]["id"], opened["visit"]["id"]
    assert offers(practice, visit) == []
    scan(practice, "1.2.7", b"A-7")
    (ready,) = until(lambda: offers(practice, visit))
    offer = base64.b64decode(ready["offer"])
    fetched = hospital.fetch(offer)
    assert fetched["state"] == "done"

    practice.stop()
    practice.start()
    time.sleep(3)  # a round and a half of the duty
    grants = practice.admin.get("grants").raw["grants"]
    assert [one["peer_name"] for one in grants].count("Hospital B") == 1
    assert len(grants) == 2, "one for the hospital, one for the patient's link"
    assert {one["basis"] for one in grants} == {"patient"}

    done = practice.admin.post(f"consents/{consent}/withdraw", {"why": ""}).raw
    assert {one["id"] for one in done["ended"]} == {one["id"] for one in grants}
    assert offers(practice, visit) == []
    again = hospital.fetch(offer)
    assert (again["state"], again["problem"]["code"]) == ("failed", "revoked")
    kinds = [event["type"] for event in practice.events()]
    for kind in ("consent.recorded", "visit.joined", "visit.released", "consent.withdrawn"):
        assert kinds.count(kind) == 1


def test_what_differs_waits_and_nothing_is_given_meanwhile(practices):
    practice, _ = practices
    said = {**SAID, "orders": ["A-8"], "peers": ["Hospital B"]}
    visit = practice.admin.post("consents", said).raw["visit"]["id"]
    scan(practice, "1.2.8", b"A-8", patient_id=b"P-101")
    (row,) = until(lambda: practice.admin.get("queue", {"kind": "visit-match"}).raw["queue"])
    assert offers(practice, visit) == []
    practice.admin.post(f"queue/{row['id']}/resolve", {"decision": "attach"})
    assert until(lambda: offers(practice, visit))


def test_after_a_no_nothing_is_given_and_the_study_is_on_its_way_out(practices):
    practice, _ = practices
    said = {**SAID, "decision": "no", "orders": ["A-9"]}
    visit = practice.admin.post("consents", said).raw["visit"]["id"]
    scan(practice, "1.2.9", b"A-9")
    leaving = until(lambda: practice.admin.get("leaving", {"days": 2}).raw["studies"])
    assert [one["accession"] for one in leaving] == ["A-9"]
    (joined,) = practice.admin.get(f"visits/{visit}").raw["visit"]["studies"]
    assert (joined["belongs"], joined["released"]) == (True, None)
    assert offers(practice, visit) == []
