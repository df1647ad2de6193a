"""Archives on the admin socket."""

from undisc_node.services.archive_model import Retrieve, Wanted
from undisc_node.services.archiving import PacsWish


def test_an_archive_is_added_as_it_was_described(node):
    wish = {
        "name": "main",
        "dimse": "ORTHANC@10.1.2.3:4242",
        "retrieve": "get",
        "takes_fetched": True,
    }

    answer = node.call("admin", "POST", "/admin/v1/pacs", wish)

    assert answer.status == 200
    assert answer.json["pacs"]["name"] == "main"
    assert node.admin.archiving.calls == [
        (
            "add",
            PacsWish(
                name="main",
                dimse="ORTHANC@10.1.2.3:4242",
                retrieve=Retrieve.GET,
                takes_fetched=True,
            ),
        )
    ]


def test_a_way_to_retrieve_that_nobody_knows_is_refused(node):
    wish = {"name": "main", "dimse": "A@b:1", "retrieve": "fax"}

    assert node.call("admin", "POST", "/admin/v1/pacs", wish).error == "invalid"


def test_archives_are_listed_asked_and_removed(node):
    listed = node.call("admin", "GET", "/admin/v1/pacs").json["pacs"]
    asked = node.call("admin", "POST", "/admin/v1/pacs/main/echo", {}).json
    removed = node.call("admin", "DELETE", "/admin/v1/pacs/main").json

    assert listed == [asked["pacs"]]
    assert removed == {"removed": "main"}
    assert node.call("admin", "DELETE", "/admin/v1/pacs/other").error == "not_found"


def test_a_pull_is_looked_for_started_watched_and_cancelled(node):
    seen = node.call("admin", "POST", "/admin/v1/pulls/look", {"patient": "P-1"}).json
    started = node.call("admin", "POST", "/admin/v1/pulls", {"studies": ["1.2.3"]}).json["pull"]
    shown = node.call("admin", "GET", f"/admin/v1/pulls/{started['id']}").json["pull"]
    node.call("admin", "POST", f"/admin/v1/pulls/{started['id']}/cancel", {})

    assert seen["studies"][0]["complete"] is True
    assert shown["problem"]["code"] == "incomplete"
    assert node.admin.pulling.calls == [
        ("", Wanted(patient="P-1")),
        ("", ("1.2.3",)),
        ("cancel", b"4" * 16),
    ]


def test_a_study_is_compared_pushed_watched_and_cancelled(node):
    path = "/admin/v1/studies/1.2.3/deliveries"
    seen = node.call("admin", "POST", f"{path}/look", {"patient": "L-1"}).json
    wish = {"pacs": "main", "patient": "L-1", "accession": "A-7", "accept": True}
    pushed = node.call("admin", "POST", path, wish).json["delivery"]
    shown = node.call("admin", "GET", f"/admin/v1/deliveries/{pushed['id']}").json["delivery"]
    listed = node.call("admin", "GET", "/admin/v1/deliveries").json["deliveries"]
    of_study = node.call("admin", "GET", path).json["deliveries"]
    ended = node.call("admin", "POST", f"/admin/v1/deliveries/{pushed['id']}/cancel", {}).json

    assert seen["differs"] == ["birth date"]
    assert seen["outside"][0]["id"] == "OUT-7"
    assert seen["local"]["id"] == "L-1"
    assert pushed == shown == listed[0] == of_study[0]
    assert (shown["state"], shown["next"]) == ("waiting", "2026-11-24T05:31:33Z")
    assert shown["problem"]["message"] == "it is away"
    assert ended["delivery"]["state"] == "cancelled"
    study = bytes(range(16))
    assert node.admin.delivering.calls == [
        (study, "", "L-1"),
        (study, "main", "L-1", "A-7", True),
        ("cancel", b"5" * 16),
    ]
