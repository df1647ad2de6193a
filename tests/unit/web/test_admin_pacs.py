"""Archives on the admin socket."""

from undisc_node.services.archive_model import Retrieve
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
