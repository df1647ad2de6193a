"""Says who already holds a copy: every command that stops access says it honestly."""

from __future__ import annotations

from collections.abc import Sequence

from undisc_admin.answer import Answer
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.render import clean, count_of, moment, size
from undisc_admin.screen import note
from undisc_admin.session import Session


def receipts_of(session: Session, study: str) -> Sequence[Answer]:
    """List the receipts for a study; none for a study that has been deleted."""
    try:
        return session.client.get(f"studies/{study}").parts("receipts")
    except CommandError as problem:
        if problem.exit_code != ExitCode.NOT_FOUND:
            raise
        return []


def copies(receipts: Sequence[Answer]) -> list[str]:
    """Say which nodes confirmed that they stored the study, and that this cannot be undone."""
    if not receipts:
        return ["no node has confirmed a copy of this study; what people saved is not known here"]
    return [
        "these nodes hold a copy already, which cannot be called back:",
        *(
            f"  {clean(receipt.text_or_none('peer_name') or receipt.text('peer'))}: "
            f"{count_of(receipt.integer('objects'), 'image')}, "
            f"{size(receipt.integer('bytes'))}, {moment(receipt.text('at'))}"
            for receipt in receipts
        ),
    ]


def tell_copies(receipts: Sequence[Answer]) -> None:
    """Say it before a question."""
    for line in copies(receipts):
        note(line)
