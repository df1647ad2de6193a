"""Who is at the other end of the admin socket, as the system says (SO_PEERCRED)."""

from __future__ import annotations

import pwd
import socket
import struct
from typing import Final

from aiohttp import web

from undisc_node.services.errors import Refused

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: process, user, group (unix(7))


def actor_of(request: web.Request) -> str:
    """Return the name of the user who opened the connection.

    Raises:
        Refused: The connection did not come over a Unix socket.
    """
    connected = request.get_extra_info("socket")
    if connected is None or connected.family != socket.AF_UNIX:
        raise Refused("this is answered on the admin socket only")
    given = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(given)
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"  # a user of another container has no name here
