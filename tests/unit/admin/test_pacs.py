"""`undisc pacs`."""

import json

import pytest

from support import fake_archives as fake
from undisc_admin.errors import ExitCode


def test_adding_says_what_to_do_next(undisc, node):
    done = undisc("pacs", "add", "main", "--dimse", "ORTHANC@10.1.2.3:4242", "--fetched")

    assert done.exit_code == 0
    assert json.loads(node.asked[-1].body) == {
        "name": "main",
        "dimse": "ORTHANC@10.1.2.3:4242",
        "url": "",
        "calling_ae": "",
        "credentials": "",
        "retrieve": "",
        "takes_fetched": True,
        "issuer": "",
    }
    assert "undisc pacs echo main" in done.stderr
    assert "dicom.senders" in done.stderr


@pytest.mark.parametrize("options", [[], ["--dimse", "A@b:1", "--dicomweb", "https://x"]])
def test_an_archive_has_exactly_one_kind_of_address(undisc, node, options):
    done = undisc("pacs", "add", "main", *options)

    assert done.exit_code == ExitCode.USAGE
    assert node.asked == []


def test_archives_are_listed_with_their_addresses(undisc, node):
    web = {**fake.PACS_ROW, "name": "web", "url": "https://p/dicom-web", "retrieve": "wado"}
    node.say("GET", "pacs", {"pacs": [fake.PACS_ROW, web]})

    done = undisc("pacs", "list")

    assert "ORTHANC@10.1.2.3:4242" in done.stdout
    assert "https://p/dicom-web" in done.stdout


def test_an_archive_that_answers_is_told_with_its_delay(undisc):
    assert "answers, after 12 ms" in undisc("pacs", "echo", "main").stderr


def test_removing_asks_first(undisc, node):
    assert undisc("pacs", "remove", "main", typed="n\n").exit_code == ExitCode.FAILED
    assert node.asked == []
    assert undisc("pacs", "remove", "main", typed="y\n").exit_code == 0
