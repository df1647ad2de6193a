"""Whom the files of a medium are about: a disc of two patients must not become one patient's.

Files with one patient number, one name and one birth date are about one person; a value that is
missing fits every other. Two spellings make two persons here: asking once too often is harmless.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import click

from undisc_admin.answer import Answer
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.looking import Looked
from undisc_admin.render import Column, clean, count_of, day, table
from undisc_admin.screen import note


@dataclass(slots=True)
class Person:
    """A patient on a medium.

    Attributes:
        name: As the files say.
        id: Patient ID.
        issuer: Who gave that.
        birth_date: `YYYYMMDD`.
        sex: As the files say.
        files: The files about them.
    """

    name: str
    id: str
    issuer: str
    birth_date: str
    sex: str
    files: list[Looked] = field(default_factory=list)

    def fits(self, patient: Answer) -> bool:
        """Tell whether a file's patient can be this person."""
        return all(
            _same(mine, patient.text(name))
            for name, mine in (
                ("id", self.id),
                ("issuer", self.issuer),
                ("birth_date", self.birth_date),
                ("name", self.name),
            )
        )

    def take(self, looked: Looked, patient: Answer) -> None:
        """Count a file as this person's, and learn from it what was missing."""
        for name in ("name", "id", "issuer", "birth_date", "sex"):
            setattr(self, name, getattr(self, name) or patient.text(name))
        self.files.append(looked)

    def raw(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "name": self.name,
            "id": self.id,
            "issuer": self.issuer,
            "birth_date": self.birth_date,
            "sex": self.sex,
            "files": len(self.files),
        }


def _same(one: str, other: str) -> bool:
    return not one or not other or _plain(one) == _plain(other)


def _plain(text: str) -> str:
    """Leave out what writers do differently in one name: case, and delimiters at the end."""
    return text.rstrip("^= ").strip().casefold()


def people_of(files: Sequence[Looked]) -> list[Person]:
    """Sort files by whom they are about, in the order in which they were found."""
    people: list[Person] = []
    for looked in files:
        patient = looked.facts.part("patient")
        person = next((one for one in people if one.fits(patient)), None)
        if person is None:
            person = Person("", "", "", "", "")
            people.append(person)
        person.take(looked, patient)
    return people


def choose(
    people: Sequence[Person],
    wanted: Sequence[str],
    *,
    everybody: bool,
    ask: Callable[[], str],
) -> Sequence[Person]:
    """Return whose files are imported.

    Args:
        people: Everybody on the medium.
        wanted: Patient numbers that were named on the command line.
        everybody: Whether everybody was.
        ask: Reads what a person types.

    Raises:
        CommandError: There are several, and nobody said whose; or a named one is not there.
    """
    if wanted:
        missing = sorted(set(wanted) - {one.id for one in people})
        if missing:
            raise CommandError(
                f"nobody on the medium has the patient number {clean(missing[0])!r}",
                exit_code=ExitCode.NOT_FOUND,
                code="no_such_patient",
                hint=f"on it are: {', '.join(clean(one.id or '(none)') for one in people)}",
            )
        return [one for one in people if one.id in wanted]
    if everybody or len(people) <= 1:
        return people
    _show(people)
    return _typed(people, ask())


def _show(people: Sequence[Person]) -> None:
    note(f"the medium holds files of {len(people)} patients:")
    columns = [
        Column("", right=True),
        Column("PATIENT"),
        Column("PATIENT ID"),
        Column("BORN"),
        Column("SEX"),
        Column("FILES", right=True),
    ]
    rows = [
        [
            str(number),
            one.name or "(no name)",
            " of ".join(filter(None, (one.id, one.issuer))) or "(none)",
            day(one.birth_date),
            one.sex,
            f"{len(one.files):,}",
        ]
        for number, one in enumerate(people, 1)
    ]
    for line in table(columns, rows):
        click.echo(line, err=True)
    click.echo("import whose? numbers, `all`, or nothing to stop: ", err=True, nl=False)


def read_choice() -> str:
    """Read what the person types."""
    line = sys.stdin.readline()
    if not line:
        click.echo(err=True)
    return line


def _typed(people: Sequence[Person], line: str) -> Sequence[Person]:
    words = line.replace(",", " ").split()
    if words == ["all"]:
        return people
    chosen = {int(word) for word in words if word.isascii() and word.isdecimal()}
    if not words or len(chosen) != len(set(words)) or not chosen <= set(range(1, len(people) + 1)):
        raise CommandError(
            f"the medium holds files of {count_of(len(people), 'patient')}; nothing was imported",
            exit_code=ExitCode.CONFLICT,
            code="several_patients",
            hint="say whose: --patient ID, more than once for more than one, or --all-patients",
        )
    return [one for number, one in enumerate(people, 1) if number in chosen]
