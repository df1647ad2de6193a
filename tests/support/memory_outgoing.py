"""One-time codes, messages and offers in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from dataclasses import replace

from support.memory_tables import Part
from undisc_node.services.code_rows import CodeRow


class Codes(Part):
    def get(self, context: bytes) -> CodeRow | None:
        return self._now.codes.get(context)

    def put(self, code: CodeRow) -> None:
        self._new.codes[code.context] = code

    def take_try(self, context: bytes, most: int) -> bool:
        row = self._new.codes.get(context)
        if row is None or row.used or row.tries >= most:
            return False
        self._new.codes[context] = replace(row, tries=row.tries + 1)
        return True

    def use(self, context: bytes, salt: bytes) -> bool:
        row = self._new.codes.get(context)
        if row is None or row.used or row.salt != salt:
            return False
        self._new.codes[context] = replace(row, used=True)
        return True

    def forget(self, before_ms: int) -> None:
        for context, row in list(self._new.codes.items()):
            if row.since_ms <= before_ms:
                del self._new.codes[context]
