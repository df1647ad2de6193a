"""A report two days later reaches the node that already fetched; so does a merge: real nodes."""

from __future__ import annotations

import time

import pytest

from support import hl7_messages as hl7
from support.ris import Ris, with_hl7
from support.two_nodes import RunningNode, befriend, dicom_file, short_directory

pytestmark = pytest.mark.integration

_SECONDS = 60.0


def until(condition):
    """Wait for what the nodes do by themselves every few seconds."""
    deadline = time.monotonic() + _SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.1)
    return found


def test_what_the_department_says_later_reaches_the_other_practice():
    with short_directory() as directory:
        holder = RunningNode(directory / "a", "Practice A")
        asker = RunningNode(directory / "b", "Practice B")
        try:
            for node in (holder, asker):
                node.init()
            port = with_hl7(holder)
            for node in (holder, asker):
                node.start()
            befriend(holder, asker)
            _tell(holder, asker, Ris(port))
        finally:
            for node in (holder, asker):
                node.stop()


def _tell(holder, asker, ris):
    image = dicom_file(study="1.2.7", accession=b"A-7", patient_id=b"P-100", name=b"Doe^Jane")
    study = holder.import_bytes(image).text("study")
    holder.admin.post(f"studies/{study}/settle")
    _, offer = holder.grant(study, asker.name)
    fetched = asker.fetch(offer)["study"]

    assert ris.send(hl7.report("No fracture.", control="R-1"))[0] == "AA"
    holder.admin.post(f"studies/{study}/settle")
    (there,) = until(lambda: asker.admin.get(f"studies/{fetched}").raw["reports"])
    assert there["state"] == "final"
    assert asker.exported(fetched) == holder.exported(study)
    (told,) = holder.admin.get(f"studies/{study}").raw["notices"]
    assert (told["kind"], told["outcome"]) == ("grown", "asks for the difference")

    assert ris.send(hl7.merge("P-100", "P-900", "M-1"))[0] == "AA"
    ris.close()
    (row,) = holder.admin.get("queue").raw["queue"]
    holder.admin.post(f"queue/{row['id']}/resolve", {"decision": "apply"})
    (row,) = until(lambda: asker.admin.get("queue").raw["queue"])
    before = asker.exported(fetched)
    assert asker.admin.get(f"studies/{fetched}").raw["study"]["state"] == "held"
    asker.admin.post(f"queue/{row['id']}/resolve", {"decision": "apply"})
    after = asker.admin.get(f"studies/{fetched}").raw["study"]
    assert (after["state"], after["patient"]["id"]) == ("active", "P-900")
    assert asker.exported(fetched) == before
