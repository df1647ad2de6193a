"""`undisc peers`: other practices' nodes, and how far they are trusted."""

from __future__ import annotations

from typing import Final

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Group
from undisc_admin.commands.peers_pairing import (
    accept_peer,
    discover_peers,
    invite_peer,
    pairings,
)
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.render import Column, clean, facts, moment, short, words_in_rows
from undisc_admin.screen import confirm, hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session
from undisc_admin.values import node_id, words

_PEER = click.argument("peer")
_EXPECT = click.option(
    "--expect",
    "expected_words",
    metavar="WORDS",
    help="The twelve words as the other administrator gave them, in quotes; asks nothing.",
)
_EXPECT_ID = click.option(
    "--expect-id",
    "expected_id",
    metavar="HEX",
    help="The whole node id as the other administrator gave it; asks nothing.",
)


@click.group(cls=Group)
def peers() -> None:
    """Look after the nodes of other practices.

    PEER is the beginning of a node id (at least 4 hex digits) or the peer's exact name.
    """


peers.add_command(invite_peer)
peers.add_command(accept_peer)
peers.add_command(pairings)
peers.add_command(discover_peers)


@peers.command(
    "add",
    examples=[
        "undisc peers add https://images.riverside.example",
        "undisc peers add https://images.riverside.example --expect 'zoo able … yard'",
    ],
)
@click.argument("url")
@_EXPECT
@_EXPECT_ID
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["fetch", "offer"]),
    help="What it may do; may be repeated. Both by default.",
)
@click.option("--pending", is_flag=True, help="Do not trust it yet: `undisc peers trust` does.")
@pass_session
def add_peer(
    session: Session,
    url: str,
    expected_words: str | None,
    expected_id: str | None,
    scopes: tuple[str, ...],
    pending: bool,  # noqa: FBT001 - click's flags
) -> None:
    """Look a node up at URL, compare its twelve words on the phone, and trust it.

    The words stand for the node's id: who has other words is another node. Call the other
    administrator on a number you know, not on one from the same message as the URL.
    """
    expected = _expected(expected_words, expected_id)
    seen = session.client.post("peers/look", {"url": url})
    _tell_known(seen)
    if expected or not pending:
        _compare(seen, seen.text("node_id"), expected)
    answer = session.client.post(
        "peers",
        {
            "url": url,
            "node_id": seen.text("node_id"),
            "trust": not pending,
            "scopes": list(scopes or ("fetch", "offer")),
        },
    )
    _tell(session, answer)
    if pending:
        hint(f"it may do nothing yet: undisc peers trust {_id(answer)}")
    else:
        hint("the other administrator must add this node too: they read `undisc status`")


def _tell_known(seen: Answer) -> None:
    """Say that the node is a peer already: adding it again brings its addresses up to date.

    Raises:
        CommandError: The peer was revoked.
    """
    known = seen.text_or_none("known")
    if known == "revoked":
        raise CommandError(
            "the node at this address is a revoked peer",
            exit_code=ExitCode.CONFLICT,
            code="peer_revoked",
            hint="a revocation cannot be undone; the practice needs a new node identity",
        )
    if known is not None:
        note(f"this node is a peer already, and {known}")


def _expected(text: str | None, identifier: str | None) -> tuple[str, ...] | str | None:
    if text is not None and identifier is not None:
        raise click.UsageError("--expect and --expect-id say the same thing; give one of them")
    if text is not None:
        return words(text)
    return None if identifier is None else node_id(identifier)


def _compare(node: Answer, identifier: str, expected: tuple[str, ...] | str | None) -> None:
    """Compare a node's id with what was expected, or show its words and ask.

    Raises:
        CommandError: They differ, or the person did not say yes.
    """
    shown = tuple(node.texts("words"))
    if expected is not None:
        if expected not in (shown, identifier):
            raise CommandError(
                "this is another node than the expected one; nothing was changed",
                exit_code=ExitCode.REFUSED,
                code="wrong_node",
                hint="check the address; if it is right, somebody else answers there",
            )
        return
    note(f"{node.text('name')} at {', '.join(node.texts('urls'))}")
    note(f"node id {identifier}")
    note("")
    for line in words_in_rows(shown):
        note(line)
    note("")
    confirm(
        "Does the other administrator read the same twelve words from `undisc status`?",
        assume_yes=False,
    )


@peers.command("list", examples=["undisc peers list", "undisc peers list --json"])
@pass_session
def list_peers(session: Session) -> None:
    """List the nodes that this node knows."""
    answer = session.client.get("peers")
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("peers")
    if not rows:
        note("this node knows no peers yet")
        hint("pair with one: `undisc peers invite`; its administrator has to be on the phone")
        return
    say_table(
        [
            Column("PEER"),
            Column("NAME", shrinks=True),
            Column("STATE"),
            Column("MAY"),
            Column("LAST HEARD"),
            Column("ADDRESS", shrinks=True),
            Column("ALERT", shrinks=True),
        ],
        [
            [
                short(peer.text("id")),
                peer.text("name"),
                peer.text("state"),
                ", ".join(peer.texts("scopes")),
                moment(peer.text_or_none("heard")),
                next(iter(peer.texts("urls")), "comes by itself"),
                _alerts(peer),
            ]
            for peer in rows
        ],
    )
    if any(peer.parts("alerts") for peer in rows if "alerts" in peer.raw):
        hint("undisc peers show PEER says what was seen, and what to do")


_SAID: Final = {
    "forked_identity": "two nodes say they are this one",
    "outdated_identity": "a replaced key is used",
    "log_forked": "its log was changed",
    "log_shrank": "its log was cut",
    "log_restarted": "it goes on under another log",
    "stale": "not heard for long: stopped",
}
_DO: Final = {
    "forked_identity": "call its administrator: its recovery kit was used twice, or was stolen",
    "outdated_identity": "somebody has its old key, or it came back from an old backup: call it",
    "log_forked": "call its administrator: lines of its log were rewritten",
    "log_shrank": "call its administrator: lines of its log are gone",
    "log_restarted": "expected once after it came back from a backup; ask whether it did",
    "stale": "it is dealt with again, by itself, when it shows a newer card; call it",
}


def _alerts(peer: Answer) -> str:
    if "alerts" not in peer.raw:
        return ""
    kinds = [one.text("kind") for one in peer.parts("alerts")]
    said = [_SAID.get(kind, kind) for kind in kinds]
    if not said and peer.flag("stale"):
        said = ["its card has ended"]
    return ", ".join(said)


def _say_alerts(row: Answer) -> None:
    """Say what was seen, what to do about it, and how it is settled."""
    alerts = row.parts("alerts")
    for one in alerts:
        kind = one.text("kind")
        note(f"alert of {moment(one.text('at'))}: {_SAID.get(kind, kind)}: {one.text('why')}")
        hint(_DO.get(kind, "call its administrator"))
    if any(one.text("kind") != "stale" for one in alerts):
        hint(f"then compare the words and settle it: undisc peers trust {short(row.text('id'))}")
    elif not alerts and row.flag("stale"):
        note("its last status card has ended; some weeks later nothing is exchanged with it")
        hint("call it: its node may be off, or have moved while this one could not be reached")


@peers.command(
    "show", examples=["undisc peers show 'Riverside Radiology'", "undisc peers show 91c4"]
)
@_PEER
@pass_session
def show_peer(session: Session, peer: str) -> None:
    """Show a peer, with the words of its node id."""
    answer = session.client.get(f"peers/{segment(peer)}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = _peer(answer)
    say(facts([("peer", row.text("id")), ("name", row.text("name")), ("state", row.text("state"))]))
    say(["words", *words_in_rows(row.texts("words"))])
    say(
        facts(
            [
                ("may", ", ".join(row.texts("scopes"))),
                ("addresses", ", ".join(row.texts("urls")) or "none: it comes by itself"),
                ("did", row.text("did")),
                ("added", moment(row.text("added"))),
                ("card valid until", moment(row.text_or_none("card_expires"))),
                *_seen(answer),
                ("last heard", moment(row.text_or_none("heard")) or "not yet"),
                ("does not answer", _problem(row)),
                ("its log", _log_of(row)),
            ]
        )
    )
    if "alerts" in row.raw:
        _say_alerts(row)


def _problem(row: Answer) -> str:
    problem = row.part_or_none("problem")
    return problem.text("message") if problem else ""


def _log_of(row: Answer) -> str:
    if row.raw.get("log_lines") is None:
        return ""
    proved = moment(row.text_or_none("log_proved"))
    only = f", proved on {proved} that it only grew" if proved else ""
    return f"{row.integer('log_lines'):,} lines seen{only}"


def _seen(answer: Answer) -> list[tuple[str, str]]:
    """Say when a peer was on, and if it is off, since when and until when."""
    seen = answer.part_or_none("seen")
    if seen is None:
        return []
    off = seen.text_or_none("off_since")
    expected = seen.text_or_none("expected")
    return [
        ("last seen", moment(seen.text_or_none("last"))),
        ("off since", moment(off)),
        ("expected", moment(expected) if expected else ("not known" if off else "")),
    ]


@peers.command("trust", examples=["undisc peers trust 91c4"])
@_PEER
@_EXPECT
@_EXPECT_ID
@pass_session
def trust_peer(
    session: Session, peer: str, expected_words: str | None, expected_id: str | None
) -> None:
    """Trust a pending or suspended peer, after comparing its twelve words."""
    expected = _expected(expected_words, expected_id)
    row = _peer(session.client.get(f"peers/{segment(peer)}"))
    _compare(row, row.text("id"), expected)
    _tell(session, session.client.post(f"peers/{segment(row.text('id'))}/trust"))


@peers.command("suspend", examples=["undisc peers suspend 91c4"])
@_PEER
@pass_session
def suspend_peer(session: Session, peer: str) -> None:
    """Stop everything with a peer for now. `undisc peers trust` undoes it."""
    answer = session.client.post(f"peers/{segment(peer)}/suspend")
    _tell(session, answer)
    hint(f"undo it with: undisc peers trust {_id(answer)}")


@peers.command("revoke", examples=["undisc peers revoke 91c4", "undisc peers revoke 91c4 --yes"])
@_PEER
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def revoke_peer(session: Session, peer: str, yes: bool) -> None:  # noqa: FBT001 - click's flags
    """Stop everything with a peer for good. Cannot be undone.

    Running transfers stop at the next slice. What the peer has copied already cannot be called
    back; `undisc studies show` tells for each study who confirmed a copy.
    """
    row = _peer(session.client.get(f"peers/{segment(peer)}"))
    note("what this peer has copied already cannot be called back")
    confirm(
        f"revoke {row.text('name')} ({short(row.text('id'))})? A revocation cannot be undone, "
        "a suspension can",
        assume_yes=yes,
    )
    _tell(session, session.client.post(f"peers/{segment(row.text('id'))}/revoke"))


def _peer(answer: Answer) -> Answer:
    return answer.part("peer") if "peer" in answer.raw else answer


def _id(answer: Answer) -> str:
    return short(_peer(answer).text("id"))


def _tell(session: Session, answer: Answer) -> None:
    if session.json_wanted:
        say_json(answer.raw)
    else:
        row = _peer(answer)
        note(f"peer {clean(row.text('name'))} ({short(row.text('id'))}) is {row.text('state')}")
