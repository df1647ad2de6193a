"""How values of other DAG-CBOR libraries compare with ours."""

from __future__ import annotations

import cbrrr

from undisc_protocol import limits
from undisc_protocol.dagcbor import CID_PREFIX, Cid


def translated(value, link):
    """The same value with another library's links."""
    if isinstance(value, Cid):
        return link(CID_PREFIX + value.digest)
    if isinstance(value, list):
        return [translated(item, link) for item in value]
    if isinstance(value, dict):
        return {key: translated(item, link) for key, item in value.items()}
    return value


def in_profile(value, depth=limits.MAX_DEPTH):
    """Whether a value that cbrrr decoded is one that our format has at all."""
    if isinstance(value, float):
        return False
    if isinstance(value, int):
        return abs(value) <= limits.MAX_INTEGER
    if isinstance(value, cbrrr.CID):
        return len(bytes(value)) == 36 and bytes(value).startswith(CID_PREFIX)
    if isinstance(value, list):
        return depth > 0 and all(in_profile(item, depth - 1) for item in value)
    if isinstance(value, dict):
        return depth > 0 and all(in_profile(item, depth - 1) for item in value.values())
    return True
