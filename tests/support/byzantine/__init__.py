"""Every way we know in which a holder can misbehave, and a server that does so.

`wire` breaks HTTP and TCP, `ranges` the stream of a ticket, `answers` says wrong things under a
true signature, `identities` lies about who it is. Nothing in here judges: tests do.
"""

from support.byzantine.answers import ANSWERS
from support.byzantine.identities import IDENTITIES
from support.byzantine.ranges import RANGES
from support.byzantine.wire import WIRE

BEHAVIOURS = (*WIRE, *RANGES, *ANSWERS, *IDENTITIES)
"""All of them, in the order in which a transfer would meet them."""
