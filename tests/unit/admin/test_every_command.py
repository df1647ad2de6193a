"""What holds for every command: help with an example, the API's JSON, exit codes, hints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from support import fake_admin_rows as fake
from support import fake_archives as archives
from support import fake_consents as consents
from support import fake_messages as messages
from support import fake_pairings as pairings
from support import fake_senders as senders
from support.fake_admin import error
from undisc_admin.cli import main
from undisc_admin.errors import MEANINGS, ExitCode, exit_code_of


def leaves(group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = list(leaves(main))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_shows_an_example_of_this_very_command(path):
    shown = CliRunner().invoke(main, [*path, "--help"])

    assert shown.exit_code == 0
    examples = shown.output.split("Examples:\n")[1]
    short = " ".join(path).removesuffix(" list") if path == ("log", "list") else " ".join(path)
    assert f"undisc {short}" in examples.replace("undisc --home /srv/undisc", "undisc")
    assert "--json" in shown.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["status"], fake.STATUS),
        (["studies", "list"], {"studies": [fake.STUDY_ROW]}),
        (["studies", "show", "3f2a"], fake.STUDY_DETAIL),
        (["studies", "settle", "3f2a"], {"study": fake.STUDY_ROW}),
        (["studies", "hold", "3f2a", "--reason", "why"], {"study": fake.STUDY_ROW}),
        (["studies", "keep", "3f2a"], {"study": fake.STUDY_ROW}),
        (
            ["studies", "leaving"],
            {"studies": [{**fake.STUDY_ROW, "leaves": "2026-12-24T05:32:24Z"}]},
        ),
        (["studies", "release", "3f2a"], {"study": fake.STUDY_ROW}),
        (["studies", "withdraw", "3f2a", "--reason", "why", "--yes"], {"study": fake.STUDY_ROW}),
        (["studies", "resolve", "3f2a", "--accept", "--yes"], {"study": fake.STUDY_ROW}),
        (["studies", "delete", "3f2a", "--yes"], {"deleted": fake.STUDY_ID}),
        (["studies", "export", "3f2a", "out"], fake.STUDY_DETAIL),
        (["peers", "list"], {"peers": [fake.PEER_ROW]}),
        (
            ["peers", "invite"],
            {
                "pairing": pairings.WAITING_ROW,
                "invitation": pairings.INVITATION,
                "qr": ["█▀▄", "█ █"],
            },
        ),
        (["peers", "accept"], {"pairing": pairings.COMPARING_ROW, "file": None}),
        (["peers", "pairings", "list"], {"pairings": [pairings.COMPARING_ROW]}),
        (["peers", "discover"], {"discovered": [pairings.SEEN_ROW]}),
        (["peers", "pairings", "refuse", "7a7a"], {"pairing": pairings.REFUSED_ROW}),
        (["peers", "show", "91c4"], {"peer": fake.PEER_ROW}),
        (["peers", "add", "https://x", "--expect-id", fake.PEER_ID], {"peer": fake.PEER_ROW}),
        (["peers", "trust", "91c4", "--expect-id", fake.PEER_ID], {"peer": fake.PEER_ROW}),
        (["peers", "suspend", "91c4"], {"peer": fake.PEER_ROW}),
        (["peers", "revoke", "91c4", "--yes"], {"peer": fake.PEER_ROW}),
        (["grants", "list"], {"grants": [fake.GRANT_ROW]}),
        (
            ["grants", "show", "8d10"],
            {"grant": fake.GRANT_ROW, "shares": [fake.SHARE_ROW], "notices": [fake.ENDED]},
        ),
        (["grants", "revoke", "8d10", "--yes"], {"grant": {**fake.GRANT_ROW, "state": "revoked"}}),
        (
            ["grants", "create", "3f2a", "--to", "91c4", "--staff", "A", "--purpose", "B"],
            {"grant": fake.GRANT_ROW, "offer": fake.OFFER, "link": None},
        ),
        (["restored", "show"], fake.RESTORED),
        (["restored", "recall"], {"recalled": fake.RESTORED["recalled"]}),
        (["restored", "confirm", "--keep-all", "--yes"], {"kept": 2, "revoked": 0}),
        (["shares", "list"], {"shares": [fake.SHARE_ROW]}),
        (["shares", "show", "5b77"], {"share": fake.SHARE_ROW, "notices": [fake.ENDED]}),
        (["shares", "revoke", "5b77", "--yes"], {"share": {**fake.SHARE_ROW, "state": "revoked"}}),
        (["fetch", "-"], {"fetch": fake.FETCH_ROW}),
        (["fetches", "list"], {"fetches": [fake.FETCH_ROW]}),
        (["fetches", "show", "77ab"], {"fetch": fake.FETCH_ROW}),
        (["fetches", "resume", "77ab"], {"fetch": fake.FETCH_ROW}),
        (["orders", "list"], {"orders": [fake.ORDER_ROW], "worklist": fake.WORKLIST}),
        (["orders", "refresh"], {"worklist": fake.WORKLIST}),
        (["orders", "reports"], {"reports": [fake.REPORT_ROW]}),
        (["queue", "list"], {"queue": [fake.QUEUE_ROW]}),
        (["queue", "show", "4e5f"], {"row": fake.QUEUE_ROW, "decisions": fake.QUEUE_DECISIONS}),
        (
            ["queue", "resolve", "4e5f", "keep", "--yes"],
            {
                "row": {
                    **fake.QUEUE_ROW,
                    "done": "2026-11-24T08:00:00Z",
                    "outcome": "kept as it was",
                }
            },
        ),
        (["consents", "list"], {"consents": [consents.CONSENT_ROW]}),
        (["consents", "show", "c0ff"], consents.DETAIL),
        (
            [
                "consents",
                "record",
                "yes",
                "--accession",
                "A-77",
                "--by",
                "self",
                "--language",
                "es",
                "--method",
                "paper",
                "--witness",
                "Anna",
                "--yes",
            ],
            {"consent": consents.CONSENT_ROW, "visit": consents.VISIT_ROW},
        ),
        (["consents", "text", "--language", "es"], {"text": consents.TEXT}),
        (["consents", "text"], {"texts": [consents.TEXT]}),
        (["visits", "list"], {"visits": [consents.VISIT_ROW]}),
        (
            ["offers", "list"],
            {"offers": [messages.OFFER_ROW], "outgoing": [messages.SENT_OFFER_ROW]},
        ),
        (["offers", "show", "8d10"], {"offer": messages.OFFER_ROW}),
        (["offers", "refuse", "8d10", "--yes"], {"offer": messages.OFFER_ROW}),
        (["queue", "outgoing"], {"outgoing": [messages.OUTGOING_ROW]}),
        (["queue", "retry", "0ff0"], {"row": messages.OUTGOING_ROW}),
        (["queue", "drop", "0ff0", "--yes"], {"row": messages.OUTGOING_ROW}),
        (["messages", "list"], {"messages": [messages.MESSAGE_ROW]}),
        (["messages", "show", "0a1b"], {"message": messages.MESSAGE_ROW}),
        (["messages", "retry", "0a1b"], {"message": messages.MESSAGE_ROW}),
        (["messages", "cancel", "0a1b", "--yes"], {"message": messages.MESSAGE_ROW}),
        (["visits", "link", "51de"], consents.HANDOUT),
        (["visits", "pin", "51de"], {"pin": "471100", "access": consents.ACCESS}),
        (["visits", "reopen", "51de"], {"access": consents.ACCESS}),
        (["visits", "access", "51de"], {"access": consents.ACCESS}),
        (["visits", "shares", "51de"], consents.SHARED),
        (["visits", "revoke", "51de", "--share", "5b77", "--yes"], {"ended": 1}),
        (["staff", "list"], {"staff": [fake.STAFF_ROW]}),
        (["staff", "add", "anna", "--role", "admin"], {"member": fake.STAFF_ROW}),
        (["staff", "disable", "anna", "--yes"], {"member": fake.STAFF_ROW}),
        (["staff", "reset", "anna"], {"member": fake.STAFF_ROW}),
        (["pacs", "list"], {"pacs": [archives.PACS_ROW]}),
        (["pacs", "add", "main", "--dimse", "A@b:104"], {"pacs": archives.PACS_ROW}),
        (["pacs", "echo", "main"], {"pacs": archives.PACS_ROW, "milliseconds": 12}),
        (["pacs", "remove", "main", "--yes"], {"removed": "main"}),
        (
            ["senders", "list"],
            {
                "senders": [senders.STRANGER_ROW, senders.SENDER_ROW],
                "unknown": "quarantine",
                "refused": [senders.REFUSED],
            },
        ),
        (["senders", "show", "ct1"], {"sender": senders.STRANGER_ROW, "studies": [senders.KEPT]}),
        (["senders", "add", "ct1", "--address", "192.168.1.20"], {"sender": senders.SENDER_ROW}),
        (
            ["senders", "trust", "ct1", "--yes"],
            {"sender": senders.SENDER_ROW, "let_in": senders.LET_IN},
        ),
        (["senders", "echo", "ct1"], {"sender": senders.SENDER_ROW, "milliseconds": 12}),
        (
            ["senders", "remove", "ct1", "--yes"],
            {"sender": {**senders.SENDER_ROW, "state": "removed"}, "erased": senders.LET_IN},
        ),
        (["pacs", "deliveries"], {"deliveries": [archives.DELIVERY_ROW]}),
        (["pacs", "cancel", "5e0a"], {"delivery": archives.DELIVERY_ROW}),
        (["studies", "push", "3f2a"], {"delivery": archives.DELIVERY_ROW}),
        (["log", "list"], {"events": [fake.EVENT]}),
        (
            ["log", "verify"],
            {
                "size": 1234,
                "root": "cc" * 32,
                "origin": "bb" * 16,
                "erased": 0,
                "ok": True,
                "witnesses": [],
            },
        ),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_json_is_the_answer_of_the_node_and_nothing_else(undisc, arguments, expected):
    done = undisc(*arguments, "--json", typed="an offer")

    assert (done.exit_code, json.loads(done.stdout)) == (0, expected)


@pytest.mark.parametrize(
    ("path", "arguments", "empty"),
    [
        ("studies", ["studies", "list"], {"studies": []}),
        ("leaving", ["studies", "leaving"], {"studies": []}),
        ("peers", ["peers", "list"], {"peers": []}),
        ("discovered", ["peers", "discover"], {"discovered": []}),
        ("pairings", ["peers", "pairings", "list"], {"pairings": []}),
        ("grants", ["grants", "list"], {"grants": []}),
        ("shares", ["shares", "list"], {"shares": []}),
        ("fetches", ["fetches", "list"], {"fetches": []}),
        ("queue", ["queue", "list"], {"queue": []}),
        ("outgoing", ["queue", "outgoing"], {"outgoing": []}),
        ("orders", ["orders", "list"], {"orders": [], "worklist": fake.WORKLIST}),
        ("reports", ["orders", "reports"], {"reports": []}),
        ("staff", ["staff", "list"], {"staff": []}),
        ("consents", ["consents", "list"], {"consents": []}),
        ("visits", ["visits", "list"], {"visits": []}),
        ("messages", ["messages", "list"], {"messages": []}),
        ("offers", ["offers", "list"], {"offers": [], "outgoing": []}),
        ("visits/3f2a/offers", ["visits", "offers", "3f2a"], {"offers": []}),
        ("pacs", ["pacs", "list"], {"pacs": []}),
        (
            "senders",
            ["senders", "list"],
            {"senders": [], "unknown": "refuse", "refused": []},
        ),
        ("deliveries", ["pacs", "deliveries"], {"deliveries": []}),
    ],
)
def test_an_empty_list_prints_no_table_and_says_what_to_do_next(
    undisc, node, path, arguments, empty
):
    node.say("GET", path, empty)

    done = undisc(*arguments)

    assert (done.exit_code, done.stdout) == (0, "")
    assert "hint: " in done.stderr
    assert "undisc " in done.stderr


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "not_found", ExitCode.NOT_FOUND),
        (403, "refused", ExitCode.REFUSED),
        (403, "revoked", ExitCode.REFUSED),
        (409, "ambiguous", ExitCode.CONFLICT),
        (400, "invalid", ExitCode.INVALID),
        (413, "oversize", ExitCode.INVALID),
        (507, "disk_full", ExitCode.UNAVAILABLE),
        (503, "unreachable", ExitCode.UNAVAILABLE),
        (500, "log_damaged", ExitCode.DAMAGED),
        (500, "failed", ExitCode.FAILED),
    ],
)
def test_a_refusal_becomes_a_sentence_a_hint_and_a_stable_exit_code(
    undisc, node, status, code, expected
):
    node.say("GET", "status", error(code, "it is like this", "do that"), status=status)

    done = undisc("status")

    assert done.exit_code == expected
    assert done.stderr == "error: it is like this\nhint: do that\n"
    assert done.stdout == ""


def test_with_json_a_script_reads_the_stable_code_of_a_refusal(undisc, node):
    refused = error("ambiguous", "2 rows begin with that id", "give more digits of the id")
    node.say("GET", "studies/3f2a", refused, status=409)

    done = undisc("studies", "show", "3f2a", "--json")

    assert (done.exit_code, json.loads(done.stdout)) == (6, refused)


def test_every_exit_code_has_a_meaning_in_the_help(undisc):
    shown = undisc("--help").stdout

    assert set(MEANINGS) == set(ExitCode)
    for code, meaning in MEANINGS.items():
        assert f"{code:<5}{meaning}" in shown


def test_a_protocol_error_inside_an_answer_has_the_exit_code_of_its_http_status():
    assert exit_code_of("expired") == ExitCode.REFUSED
    assert exit_code_of("tampered") == ExitCode.DAMAGED
    assert exit_code_of("a_code_from_a_later_version") == ExitCode.FAILED


def test_no_node_is_running(tmp_path):
    done = CliRunner().invoke(main, ["--home", str(tmp_path), "status"])

    assert done.exit_code == ExitCode.NODE_UNREACHABLE
    assert done.stderr.startswith(f"error: no node is running at {tmp_path}/admin.sock\nhint: ")
    assert "undisc-node serve" in done.stderr


def test_the_home_comes_from_the_environment(tmp_path):
    done = CliRunner().invoke(main, ["status"], env={"UNDISC_HOME": str(tmp_path / "here")})

    assert f"{tmp_path}/here/admin.sock" in done.stderr


def test_a_socket_path_beyond_108_bytes_is_named_as_the_problem():
    done = CliRunner().invoke(main, ["--home", "/tmp/" + "x" * 120, "status"])

    assert done.exit_code == ExitCode.NODE_UNREACHABLE
    assert "too long" in done.stderr


def test_a_node_that_breaks_off_is_no_traceback(undisc, node):
    node.say_by("GET", "status", lambda _: None)

    done = undisc("status")

    assert done.exit_code == ExitCode.NODE_UNREACHABLE
    assert "did not finish its answer" in done.stderr


def test_an_answer_of_another_release_is_one_sentence(undisc, node):
    node.say("GET", "status", {"name": "Lakeside"})

    done = undisc("status")

    assert done.exit_code == ExitCode.FAILED
    assert done.stderr.startswith("error: the node's answer has no usable field ")


def test_a_fault_of_our_own_shows_its_kind_and_no_data(undisc, node, monkeypatch):
    """An exception's text may hold patient data; only its type is printed."""

    def fail(*_):
        raise ZeroDivisionError("Doe^Jane")

    monkeypatch.setattr("undisc_admin.client.Client.get", fail)

    done = undisc("status")

    assert done.exit_code == ExitCode.FAILED
    assert "undisc itself failed (ZeroDivisionError)" in done.stderr
    assert "Doe" not in done.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--bogus"], "error: no such option '--bogus'"),
        (["studies", "hold", "3f2a"], "error: missing option '--reason'"),
        (["studies", "resolve", "3f2a"], "error: say --accept or --reject"),
        (["studies", "lsit"], "error: no such command 'lsit'"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2_with_a_hint(undisc, arguments, sentence):
    done = undisc(*arguments)

    assert done.exit_code == ExitCode.USAGE
    assert done.stderr.startswith(sentence)
    assert "hint: see `" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["studies", "delete", "3f2a"],
        ["studies", "withdraw", "3f2a", "--reason", "x"],
        ["studies", "resolve", "3f2a", "--reject"],
        ["peers", "revoke", "91c4"],
        ["grants", "revoke", "8d10"],
        ["restored", "confirm"],
        ["queue", "resolve", "4e5f", "apply"],
        ["staff", "disable", "anna"],
        ["shares", "revoke", "5b77"],
        ["peers", "add", "https://riverside.example"],
        ["peers", "trust", "91c4"],
    ],
    ids=lambda value: " ".join(value[:2]),
)
@pytest.mark.parametrize("typed", ["n\n", "", "maybe\n"], ids=["no", "nobody there", "other"])
def test_what_cannot_be_undone_asks_and_changes_nothing_without_a_yes(
    undisc, node, arguments, typed
):
    done = undisc(*arguments, typed=typed)

    assert done.exit_code == ExitCode.FAILED
    assert "error: not confirmed; nothing was changed" in done.stderr
    assert {method for method, path in node.calls() if path != "peers/look"} <= {"GET"}


def test_it_starts_without_loading_the_node_or_its_libraries():
    """A command line answers before it is noticed: nothing heavy is loaded to print a status."""
    heavy = {"undisc_node", "aiohttp", "asyncio", "nacl", "cryptography", "blake3", "sqlite3"}
    code = "import sys, undisc_admin.cli; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    ).stdout.split()

    assert "undisc_admin.cli" in loaded
    assert not heavy & set(loaded)


def test_a_command_loads_no_other_command():
    """All of them take as long to load as most of them take to work."""
    code = (
        "import sys; from undisc_admin.cli import main; "
        "main(['status', '--help'], standalone_mode=False); "
        "print([one for one in sys.modules if one.startswith('undisc_admin.commands.')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.splitlines()[-1] == "['undisc_admin.commands.status']"
