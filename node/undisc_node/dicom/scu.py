"""Sends files by C-STORE, their data-set bytes untouched (PS3.4 §B.2.1).

pynetdicom in the role of the user does the talking. The bytes come from the file as they are:
nothing is decoded, converted or written again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from undisc_node.dicom.part10 import IMPLEMENTATION_CLASS, split_part10
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.sources import FileSource
from undisc_node.services.errors import Unavailable

_CONTEXTS: Final = 128  # presentation contexts in one association (PS3.8 §9.3.2.2)
_SECONDS: Final = 60.0  # for an answer; storing is durable before it is answered


@dataclass(frozen=True, slots=True)
class _Item:
    """A file, and what has to be said about it."""

    path: Path
    sop_class: str
    sop_uid: str
    transfer_syntax: str


def echo(address: str, port: int, calling_ae: str, called_ae: str) -> None:
    """Ask whether a DICOM port answers (C-ECHO).

    Raises:
        Unavailable: It does not.
    """
    association = _associate(address, port, calling_ae, called_ae, [(Verification, None)])
    try:
        if "Status" not in association.send_c_echo():
            raise Unavailable("the DICOM port does not answer")
    finally:
        association.release()


def send_files(
    address: str, port: int, calling_ae: str, called_ae: str, paths: Sequence[Path]
) -> Iterator[tuple[Path, int]]:
    """Send files one after the other.

    Args:
        address: Address of the receiver.
        port: Its TCP port.
        calling_ae: Our AE title.
        called_ae: Its AE title.
        paths: DICOM files.

    Yields:
        Each path with the status of its answer; 0 is success.

    Raises:
        Invalid: A file cannot be read; nothing of its batch is sent.
        Unavailable: The receiver does not answer, or does not take what the files hold.
    """
    for batch in _batches([_describe(path) for path in paths]):
        contexts = sorted({(item.sop_class, item.transfer_syntax) for item in batch})
        association = _associate(address, port, calling_ae, called_ae, contexts)
        accepted = {
            (str(context.abstract_syntax), str(context.transfer_syntax[0])): context.context_id
            for context in association.accepted_contexts
        }
        try:
            for number, item in enumerate(batch):
                context = accepted.get((item.sop_class, item.transfer_syntax))
                if context is None:
                    raise Unavailable("the receiver does not take objects of this kind")
                yield item.path, _send(association, item, context, number % 0xFFFF + 1)
        finally:
            association.release()


def _describe(path: Path) -> _Item:
    """Read what the command has to name."""
    facts = FactReader().facts(FileSource(path))
    return _Item(path, facts.sop_class, facts.sop_uid, facts.transfer_syntax)


def _batches(items: Sequence[_Item]) -> Iterator[list[_Item]]:
    """Split into parts whose kinds fit one association, in the same order."""
    batch: list[_Item] = []
    kinds: set[tuple[str, str]] = set()
    for item in items:
        kind = (item.sop_class, item.transfer_syntax)
        if len(kinds | {kind}) > _CONTEXTS:
            yield batch
            batch, kinds = [], set()
        batch.append(item)
        kinds.add(kind)
    if batch:
        yield batch


def _associate(
    address: str, port: int, calling_ae: str, called_ae: str, contexts: Sequence[Any]
) -> Any:
    """Open an association."""
    application = AE(ae_title=calling_ae)
    application.implementation_class_uid = IMPLEMENTATION_CLASS
    application.connection_timeout = _SECONDS
    application.dimse_timeout = _SECONDS
    application.network_timeout = _SECONDS
    for abstract_syntax, transfer_syntax in contexts:
        application.add_requested_context(abstract_syntax, transfer_syntax)
    association = application.associate(address, port, ae_title=called_ae)
    if not association.is_established:
        raise Unavailable(
            f"the DICOM port {port} on {address} does not accept an association",
            hint="is this address listed as a sender there, with this AE title",
        )
    return association


def _send(association: Any, item: _Item, context: int, number: int) -> int:
    """Send one file and return the status of the answer."""
    request = C_STORE()
    request.MessageID = number
    request.Priority = 2  # low, as nothing waits for it (PS3.7 §9.3.1.1)
    request.AffectedSOPClassUID = item.sop_class
    request.AffectedSOPInstanceUID = item.sop_uid
    source = FileSource(item.path)
    request.DataSet = BytesIO(item.path.read_bytes()[split_part10(source) :])
    # The association's own loop must not take the answer (as in its send_c_store).
    association._reactor_checkpoint.clear()  # noqa: SLF001 - the library offers no other way
    while not association._is_paused:  # noqa: SLF001
        association.join(0.0001)
    try:
        association.dimse.send_msg(request, context)
        _, answer = association.dimse.get_msg(block=True)
    finally:
        association._reactor_checkpoint.set()  # noqa: SLF001
    if answer is None or answer.Status is None:
        raise Unavailable("the DICOM port stopped answering")
    return int(answer.Status)
