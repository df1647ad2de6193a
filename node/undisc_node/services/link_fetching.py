"""Fetching with a link: read it, ask its holder what it opens, fetch that (SPEC.md §6.12)."""

from __future__ import annotations

from collections.abc import Sequence

from nacl.public import PrivateKey

from undisc_node.services.errors import Refused
from undisc_node.services.fetch_world import FetchWorld
from undisc_node.services.fetching import Fetching
from undisc_node.services.following import take_card
from undisc_node.services.model import Fetch
from undisc_node.services.passcodes import normal
from undisc_protocol import limits
from undisc_protocol.addressed import REQUEST_NONCE
from undisc_protocol.answer import request_hash
from undisc_protocol.capability.delegation import COMMAND_READ
from undisc_protocol.errors import Oversize
from undisc_protocol.identity import NodeDocument, read_node_document
from undisc_protocol.keys import KEY_SIZE, link_key
from undisc_protocol.link import read_link
from undisc_protocol.unlock import Unlocked, make_unlock, read_unlocked


class LinkFetching:
    """Begins fetches with links.

    Args:
        world: What a fetch needs.
        fetching: Runs the fetches.
    """

    def __init__(self, *, world: FetchWorld, fetching: Fetching) -> None:
        self._world = world
        self._fetching = fetching

    def start(self, text: str, passcode: str, actor: str, code: str = "") -> Sequence[Fetch]:
        """Begin to fetch everything that a link opens.

        Args:
            text: The link as somebody pasted it.
            passcode: As typed, or empty.
            actor: Who asked for it.
            code: One-time code as typed, or empty: then the holder sends one, if the link asks for
                it, and refuses with `code_asked`.

        Raises:
            RemoteProtocolError: The link is damaged, or its holder refuses.
            Refused: Its holder is not a trusted peer, or it only permits viewing.
        """
        link = read_link(text)
        passcode, code = normal(passcode), normal(code)
        if len(passcode) > limits.MAX_PASSCODE:
            raise Oversize(f"a passcode has more than {limits.MAX_PASSCODE} characters")
        if len(code) > limits.MAX_ONE_TIME_CODE:
            raise Oversize(f"a one-time code has more than {limits.MAX_ONE_TIME_CODE} characters")
        world = self._world
        document = read_node_document(
            world.network.introduce(link.address), now=world.clock.now_ms() // 1000
        )
        if document.identity.node_id == world.own.id:
            raise Refused(
                "the link leads to this node itself",
                code="own_link",
                hint="the study is here: undisc studies list",
            )
        # Before the link's key says anything: an unknown node could only learn that we have it.
        self._fetching.trusted(document.identity.node_id, document.card)
        take_card(world.catalog, world.journal, world.clock, document)
        unlocked = self._unlock(link.secret, link.address, document, passcode, code)
        readable = [one for one in unlocked.offers if one.capability.command == COMMAND_READ]
        if not readable:
            raise Refused(
                "the link only permits viewing at the other practice, not fetching",
                code="view_only",
                hint="open it in a browser, or ask for a link that may be fetched",
            )
        return [self._fetching.start(one.raw, actor, link=link.secret) for one in readable]

    def _unlock(
        self, secret: bytes, address: str, document: NodeDocument, passcode: str, code: str
    ) -> Unlocked:
        world, key = self._world, link_key(secret)
        now = world.clock.now_ms() // 1000
        reply_key = PrivateKey(world.entropy.random(KEY_SIZE))
        body = make_unlock(
            key,
            world.own.key,
            sender=world.own.identity,
            to=document.identity.node_id,
            box=document.card.box,
            reply_to=bytes(reply_key.public_key),
            passcode=passcode or None,
            code=code or None,
            nonce=world.entropy.random(REQUEST_NONCE),
            ephemeral=world.entropy.random(KEY_SIZE),
            issued=now,
            expires=now + limits.REQUEST_LIFETIME,
        )
        reply = world.network.ask(
            [address], "/undisc/v1/unlock", body, limit=limits.MAX_UNLOCK_ANSWER
        )
        return read_unlocked(
            reply.body,
            status=reply.status,
            request=request_hash(body),
            holder=document.identity,
            link=key.did,
            unlock_key=reply_key,
            now=world.clock.now_ms() // 1000,
        )
