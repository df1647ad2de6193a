"""What is said beside a field or above a form, by the stable code of what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from undisc_node.services.errors import ServiceError
from undisc_node.web.pages.rendering import translated


def N_(message: str) -> str:  # noqa: N802 - the usual name of a mark for later translation
    """Mark a message for the catalogs; it is translated where it is shown."""
    return message


PROBLEMS: Final[Mapping[str, str]] = {
    "missing": N_("Please fill this in."),
    "bad_text": N_("This is too long, or has signs that cannot be used."),
    "bad_day": N_("Please give a day that there is, not in the future for a birth date."),
    "bad_email": N_("Please look at the address again: something is wrong with it."),
    "bad_telephone": N_("Please give the number with its country, such as +1 206 555 0100."),
    "bad_pin": N_("A PIN has 6 to 12 digits."),
    "weak_pin": N_("This PIN is easy to guess. No row of digits, and not the birth date, please."),
    "pins_differ": N_("The two PINs are not the same."),
    "not_accepted": N_("Please tick the box below the address, or choose the print-out."),
    "no_evidence": N_("A yes on paper needs to say where the form is kept."),
    "bad_method": N_("Was it signed on paper, or said? Please choose one."),
    "not_signed": N_("Please sign, or type your name."),
    "bad_signature": N_("The signature could not be read. Please sign again, or type your name."),
    "no_authority": N_("Please name who decides, and what shows that they may."),
    "minor": N_("The patient is under age: a parent or guardian decides."),
    "of_age": N_("The patient is of age, so a parent cannot decide."),
    "bad_end": N_("The end has to be in the future, and not too far away."),
    "no_patient_id": N_("The patient's number is needed: a name is never enough."),
    "no_handle": N_("This code opens nothing. It works once, for half an hour; ask for another."),
    "not_signed_in": N_("Name and password do not belong together."),
    "wrong_code": N_("This code is not right. Wait for the next one and type it."),
    "bad_passkey": N_("That did not work. Try again, or sign in with your password."),
    "passkey_known": N_("This device has a passkey for the desk already."),
    "too_many_attempts": N_("Too many wrong attempts. Please wait a while."),
    "consent_stands": N_("An earlier yes about the same examination stands. Withdraw it first."),
    "bad_name": N_("A name has lower-case letters, digits and . _ - @"),
    "bad_password": N_("A password has at least 12 characters; four or five words are good."),
    "name_taken": N_("There is an account of that name already."),
    "last_admin": N_("This is the last administrator, who cannot be disabled."),
    "decided": N_("This was decided already."),
    "visit_empty": N_("No study belongs to this visit yet."),
    "consent_ended": N_("The patient said no, or the consent has ended or was withdrawn."),
}


def problem_text(request: web.Request, problem: str | ServiceError, language: str = "") -> str:
    """Return what to say about a code, or about a refusal; its own sentence where none is known."""
    code = problem if isinstance(problem, str) else problem.reason
    known = PROBLEMS.get(code)
    if known is not None:
        return translated(request, known, language)
    if isinstance(problem, str):
        return translated(request, PROBLEMS["bad_text"], language)
    said = str(problem)
    return said[:1].upper() + said[1:] + (f" ({problem.hint})" if problem.hint else "")
