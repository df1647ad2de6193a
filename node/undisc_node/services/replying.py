"""How every door between nodes answers: with what was worked out, or with a signed refusal."""

from __future__ import annotations

from collections.abc import Callable

from undisc_node.services.auditing import Refusals
from undisc_node.services.errors import ServiceError
from undisc_node.services.ports import Clock, Reply
from undisc_protocol.answer import HTTP_OK, request_hash, sign_refusal
from undisc_protocol.errors import Busy, RemoteProtocolError
from undisc_protocol.keys import SignKey


def reply_to(
    body: bytes,
    work: Callable[[bytes], bytes],
    *,
    key: SignKey,
    clock: Clock,
    refusals: Refusals,
    busy: str,
) -> Reply:
    """Answer what another node sent; never raises for what a stranger sent (SPEC.md §6.3).

    Args:
        body: The HTTP body as received.
        work: Makes the signed bytes of a good answer, or raises what is to be refused.
        key: The node key, for refusals.
        clock: Time.
        refusals: Counts them.
        busy: What this node cannot do at the moment, for the other node's people.
    """
    try:
        return Reply(HTTP_OK, work(body))
    except RemoteProtocolError as problem:
        refused = problem
    except ServiceError:
        refused = Busy(busy)
    refusals.count(refused)
    at = clock.now_ms() // 1000
    signed = sign_refusal(key, request=request_hash(body), at=at, error=refused)
    return Reply(refused.status, signed)
