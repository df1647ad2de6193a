"""Says on the local network that the node is there, while it runs and if it is to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from undisc_node.config import Settings
from undisc_node.peers.discovery import LocalNetwork
from undisc_node.services.errors import ServiceError

log = logging.getLogger("undisc.node")


@asynccontextmanager
async def announced(settings: Settings, *, node_id: bytes, port: int) -> AsyncIterator[None]:
    """Announce the node until the block ends; a network that does not let us is no reason to stop.

    Args:
        settings: Whether, and on which interfaces.
        node_id: The node id.
        port: TCP port of the public listener.
    """
    with ExitStack() as stack:
        if settings.discovery_announce:
            local = LocalNetwork(settings.discovery_interfaces)
            try:
                await asyncio.to_thread(
                    stack.enter_context,
                    local.announced(
                        name=settings.name, node_id=node_id, urls=settings.public_urls, port=port
                    ),
                )
            except ServiceError as problem:
                log.warning("the node cannot be found on the local network: %s", problem)
        yield
        await asyncio.to_thread(stack.close)
