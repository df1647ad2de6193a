"""What a target is, and how one execution is judged.

A finding is anything but success or a documented refusal: another exception, a failed assertion of
the target (what was accepted does not re-encode to itself, or says more than it may), a message
that could steer a terminal, or an input that costs too much time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from undisc_node.services.errors import ServiceError
from undisc_protocol import limits
from undisc_protocol.errors import REMOTE_CODES, RemoteProtocolError
from undisc_protocol.fields import UNSHOWABLE

SECONDS = 1.0  # of processor time for one input; the slowest honest one needs a tenth of that


class Finding(AssertionError):
    """An input did what no input may do."""


@dataclass(frozen=True)
class Target:
    """One decoder under test.

    Attributes:
        name: Lower-case words with hyphens.
        run: Reads bytes; raises a documented refusal, or `AssertionError` for a finding.
        seeds: Makes inputs to begin with.
        refusals: The classes that the decoder documents.
        longest: Bytes of the longest input worth trying.
        words: Byte strings that inputs of this kind are made of.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    refusals: tuple[type[Exception], ...]
    longest: int = 4_096
    words: tuple[bytes, ...] = ()

    def judge(self, data: bytes) -> bool:
        """Execute once.

        Returns:
            Whether the input was accepted.

        Raises:
            Finding: It did what no input may do.
        """
        began = time.process_time()
        try:
            self.run(data)
        except self.refusals as refusal:
            _judge_refusal(refusal)
            accepted = False
        except Exception as problem:
            raise Finding(f"{self.name}: {type(problem).__name__}: {problem}") from problem
        else:
            accepted = True
        if time.process_time() - began > SECONDS:
            raise Finding(f"{self.name}: more than {SECONDS} s of processor time")
        return accepted


def _judge_refusal(refusal: Exception) -> None:
    """A refusal is a leaf with a stable code, and a sentence that can be shown."""
    if isinstance(refusal, RemoteProtocolError):
        # Subclasses of a leaf, such as the refusal of an address, keep the leaf's code.
        if not isinstance(refusal, REMOTE_CODES.get(refusal.code, ())):
            raise Finding(f"{type(refusal).__name__} is no leaf")
    elif isinstance(refusal, ServiceError) and not refusal.reason.isidentifier():
        raise Finding(f"{refusal.reason!r} is no code")
    if not isinstance(refusal, RemoteProtocolError | ServiceError):
        return  # of a library, or cleaned where it is shown
    for text in (str(refusal), refusal.hint):
        if len(text) > limits.MAX_ERROR_TEXT or UNSHOWABLE.search(text):
            raise Finding(f"a message that cannot be shown: {text!r}")
