"""Which packs a check reads: all, or one part of several, so that some runs cover everything."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from undisc_node.services.errors import Invalid
from undisc_node.services.ports import Entropy

_PARTS: Final = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")
_PERCENT: Final = re.compile(r"([0-9]{1,3})%")
_HINT: Final = "use a share such as 5%, or one part of several such as 3/20"


@dataclass(frozen=True, slots=True)
class Subset:
    """Part `part` of `of` parts into which pack ids are spread by their hash.

    Attributes:
        part: From 1 to `of`.
        of: How many parts there are.
    """

    part: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str, *, entropy: Entropy) -> Self:
        """Read `5%` (a random part of that size) or `3/20` (this part).

        Raises:
            Invalid: It is neither.
        """
        if match := _PERCENT.fullmatch(text):
            percent = int(match[1])
            if 1 <= percent <= 100:  # noqa: PLR2004 - per cent
                of = max(1, round(100 / percent))
                return cls(int.from_bytes(entropy.random(8), "big") % of + 1, of)
        elif match := _PARTS.fullmatch(text):
            part, of = int(match[1]), int(match[2])
            if 1 <= part <= of:
                return cls(part, of)
        raise Invalid(f"'{text}' is no part of the packs", code="bad_subset", hint=_HINT)

    def __contains__(self, pack: bytes) -> bool:
        """Tell whether a pack is in this part."""
        return int.from_bytes(sha256(pack).digest()[:8], "big") % self.of == self.part - 1

    def __str__(self) -> str:
        """Return the part as it can be asked for."""
        return f"{self.part}/{self.of}"
