"""What a handed-over device needs from use cases, each method as it is called here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from undisc_node.services.ask_facts import Answer, AskFacts
from undisc_node.services.asking import Asked
from undisc_node.services.consent_rows import Consent, ConsentText, Visit
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.model import Peer


class TakesAnswers(Protocol):
    """Shows one question to one device, and takes its answer."""

    def open(self, handle: str) -> str:
        """Open what a handle was made for, once; return the text of the device's cookie."""

    def of(self, secret: str) -> Asked | None:
        """Return what a device was opened for, as long as it can be answered."""

    def offered(self, facts: AskFacts) -> Sequence[Peer]:
        """List the practices that can be named."""

    def ends(self, facts: AskFacts) -> int:
        """Return when a yes would end, seconds since 1970."""

    def answer(self, secret: str, answer: Answer) -> tuple[Consent, Visit]:
        """Record an answer."""


class ShowsTexts(Protocol):
    """Knows the words that are put before people."""

    def texts(self) -> Sequence[ConsentText]:
        """List the texts that are shown now."""

    def text(self, language: str) -> ConsentText:
        """Return the text that is shown now in a language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedUses:
    """What a handed-over device calls, in a thread.

    Attributes:
        asking: Shows the question, takes the answer.
        consenting: Knows the words.
        carries: Whether this node can send something in a way; others are not offered.
        random: Random bytes for cookies that are nobody's.
    """

    asking: TakesAnswers
    consenting: ShowsTexts
    carries: Callable[[ChannelKind], bool]
    random: Callable[[int], bytes]
