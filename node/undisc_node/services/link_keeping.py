"""Secrets of links that this node was given: sealed in the catalog for as long as it fetches.

A transfer that a restart cut off goes on without anybody typing the link again. The seal comes from
the node key, which is in no backup, so that whoever finds a copy of the catalog has no link.
"""

from __future__ import annotations

from undisc_node.services.errors import Refused
from undisc_node.services.fetch_world import FetchWorld
from undisc_node.services.model import Fetch
from undisc_protocol.errors import CannotOpen
from undisc_protocol.keys import SEAL_NONCE, SignKey, keep_link_secret, kept_link_secret, link_key
from undisc_protocol.offer import Offer


def seal_link(world: FetchWorld, fetch: Fetch, secret: bytes) -> bytes:
    """Seal the secret of the link that a fetch uses."""
    return keep_link_secret(
        bytes(world.own.key.signing),
        secret,
        fetch=fetch.capability,
        nonce=world.entropy.random(SEAL_NONCE),
    )


def key_for(world: FetchWorld, offer: Offer) -> SignKey:
    """Return the key that signs invocations for an offer: ours, or that of the link it is for.

    Raises:
        Refused: The link is needed and cannot be had, because the node key was replaced since.
    """
    if offer.to in world.own.names:
        return world.own.key
    capability = offer.capability.signed_hash
    with world.catalog.look() as records:
        sealed = records.links.kept(capability)
    try:
        seed = bytes(world.own.key.signing)
        return link_key(kept_link_secret(seed, sealed or b"", fetch=capability))
    except CannotOpen:
        raise Refused(
            "the link is not known here any more",
            code="link_forgotten",
            hint="give it again: undisc fetch",
        ) from None
