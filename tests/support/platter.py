"""A disk in memory that knows what was synced: the model behind `forgetful_disk`.

Two states live side by side. *Live* is what programs see. *Durable* is what is left after a power
cut: contents that were synced (fsync, fdatasync), and names whose directory was synced. Between the
two lie pending acts. A cut drops them all (`clean`), keeps any of them (`torn`: whole writes, some
sectors of a write, some creations, renames and removals), or all (`kept`: only the process died).

It is as unkind as POSIX allows: syncing a file does not keep its name. One act is never split: a
rename is there or not, as on every file system with a journal.
"""

from __future__ import annotations

import random
import stat
from dataclasses import dataclass, field
from typing import Final

CUTS: Final = ("clean", "torn", "kept")
SECTORS: Final = (512, 4096)  # what drives write as one; the first is what SQLite reckons with


@dataclass(slots=True)
class Write:
    """Bytes at an offset, not synced yet."""

    offset: int
    data: bytes


@dataclass(slots=True)
class Resize:
    """Another length, not synced yet."""

    length: int


@dataclass(eq=False, slots=True)
class File:
    """Contents, live and durable; also stands for sockets, which have none."""

    mode: int
    live: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write | Resize] = field(default_factory=list)

    def write(self, data: bytes, offset: int) -> int:
        """Write; return by how many bytes the file has grown."""
        before = len(self.live)
        self.pending.append(Write(offset, data))
        _write(self.live, data, offset)
        return len(self.live) - before

    def resize(self, length: int) -> int:
        """Cut or extend with zeros; return by how many bytes the file has grown."""
        before = len(self.live)
        self.pending.append(Resize(length))
        _resize(self.live, length)
        return length - before

    def sync(self) -> None:
        """Make contents durable; not the name."""
        for act in self.pending:
            _apply(self.durable, act)
        self.pending.clear()

    def tear(self, chance: random.Random) -> None:
        """Make some of the pending acts durable: a beginning of them, or any."""
        sector = chance.choice(SECTORS)
        in_order, kept = chance.random() < 0.5, chance.random()
        length = len(self.live)
        for act in self.pending:
            if isinstance(act, Resize):
                if chance.random() < kept:
                    _resize(self.durable, act.length)
                elif in_order:
                    break
                continue
            whole = self._tear_write(act, sector, kept, chance, in_order=in_order)
            if in_order and not whole:
                break
        # The length may be known to the file system before the bytes are: zeros are read there.
        if len(self.durable) < length and chance.random() < 0.25:
            _resize(self.durable, length)

    def _tear_write(
        self, act: Write, sector: int, kept: float, chance: random.Random, *, in_order: bool
    ) -> bool:
        start, end = act.offset, act.offset + len(act.data)
        while start < end:
            stop = min((start // sector + 1) * sector, end)
            if chance.random() < kept:
                _write(self.durable, act.data[start - act.offset : stop - act.offset], start)
            elif in_order:
                return False
            start = stop
        return True


@dataclass(eq=False, slots=True)
class Folder:
    """Names, live and durable."""

    mode: int
    live: dict[str, Inode] = field(default_factory=dict)
    durable: dict[str, Inode] = field(default_factory=dict)


Inode = File | Folder


@dataclass(eq=False, slots=True)
class Naming:
    """An act on names: `inode` leaves `source`, if given, and appears at `target`, if given."""

    inode: Inode
    source: tuple[Folder, str] | None
    target: tuple[Folder, str] | None

    @property
    def places(self) -> set[tuple[int, str]]:
        """What it touches."""
        return {(id(one[0]), one[1]) for one in (self.source, self.target) if one is not None}

    def concerns(self, folder: Folder) -> bool:
        """Tell whether it touches a folder."""
        return any(one is not None and one[0] is folder for one in (self.source, self.target))

    def apply(self, which: str) -> None:
        """Do it to the `live` or the `durable` names."""
        if self.source is not None:
            names = getattr(self.source[0], which)
            if names.get(self.source[1]) is self.inode:
                del names[self.source[1]]
        if self.target is not None:
            getattr(self.target[0], which)[self.target[1]] = self.inode


class Platter:
    """The whole disk."""

    def __init__(self) -> None:
        self.root = Folder(stat.S_IFDIR | 0o700)
        self._naming: list[Naming] = []

    def find(self, path: str) -> Inode | None:
        """Return what is at an absolute path."""
        found: Inode = self.root
        for part in path.split("/"):
            if not part:
                continue
            child = found.live.get(part) if isinstance(found, Folder) else None
            if child is None:
                return None
            found = child
        return found

    def place(self, path: str) -> tuple[Folder, str]:
        """Return the folder and the name of an absolute path whose folder exists."""
        parent, _, name = path.rpartition("/")
        folder = self.find(parent)
        if not isinstance(folder, Folder):
            raise FileNotFoundError(path)
        return folder, name

    def link(self, path: str, inode: Inode) -> None:
        """Give something new a name."""
        self._name(Naming(inode, None, self.place(path)))

    def unlink(self, path: str) -> Inode:
        """Take a name away; return what had it."""
        folder, name = self.place(path)
        inode = folder.live[name]
        self._name(Naming(inode, (folder, name), None))
        return inode

    def rename(self, old: str, new: str) -> Inode | None:
        """Move a name, over another one if there is one; return what had that."""
        source, target = self.place(old), self.place(new)
        replaced = target[0].live.get(target[1])
        inode = source[0].live[source[1]]
        if replaced is inode:
            return None
        self._name(Naming(inode, source, target))
        return replaced

    def sync_folder(self, folder: Folder) -> None:
        """Make names of a folder durable, with all earlier acts that they rest on."""
        wanted: list[Naming] = []
        places: set[tuple[int, str]] = set()
        for act in reversed(self._naming):
            if act.concerns(folder) or act.places & places:
                wanted.append(act)
                places |= act.places
        for act in reversed(wanted):
            act.apply("durable")
            self._naming.remove(act)

    def sync_all(self) -> None:
        """Make everything durable, as an orderly unmount does."""
        for act in self._naming:
            act.apply("durable")
        self._naming.clear()
        for inode in self._walk("live"):
            if isinstance(inode, File):
                inode.sync()

    def cut(self, kind: str, chance: random.Random) -> None:
        """Lose power: what is not durable is gone, and what is becomes live."""
        if kind == "kept":
            self.sync_all()
        elif kind == "torn":
            self._tear_names(chance)
            for inode in self._walk("durable"):
                if isinstance(inode, File):
                    inode.tear(chance)
        self._naming.clear()
        for inode in self._walk("durable"):
            if isinstance(inode, Folder):
                inode.live = dict(inode.durable)
            else:
                inode.pending.clear()
                inode.live = bytearray(inode.durable)

    def used(self) -> int:
        """Count the bytes of all files."""
        return sum(len(one.live) for one in self._walk("live") if isinstance(one, File))

    def _name(self, act: Naming) -> None:
        act.apply("live")
        self._naming.append(act)

    def _tear_names(self, chance: random.Random) -> None:
        kept = chance.random()
        missing: set[tuple[int, str]] = set()
        for act in self._naming:
            if act.places & missing or chance.random() >= kept:
                missing |= act.places
            else:
                act.apply("durable")

    def _walk(self, which: str) -> list[Inode]:
        found: list[Inode] = []
        seen: set[int] = set()
        waiting: list[Inode] = [self.root]
        while waiting:
            one = waiting.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            found.append(one)
            if isinstance(one, Folder):
                waiting.extend(getattr(one, which).values())
        return found


def _apply(content: bytearray, act: Write | Resize) -> None:
    if isinstance(act, Resize):
        _resize(content, act.length)
    else:
        _write(content, act.data, act.offset)


def _write(content: bytearray, data: bytes, offset: int) -> None:
    if len(content) < offset:
        _resize(content, offset)
    content[offset : offset + len(data)] = data


def _resize(content: bytearray, length: int) -> None:
    if length < len(content):
        del content[length:]
    else:
        content.extend(bytes(length - len(content)))
