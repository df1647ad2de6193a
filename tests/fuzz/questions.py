"""Targets: what workstations ask for, and what they are answered."""

from __future__ import annotations

from fuzz.dicom import CODES, WORDS
from fuzz.target import Target
from undisc_node.dicom.describing import describe_data_set
from undisc_node.dicom.part10 import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from undisc_node.dicom.providing import data_sets
from undisc_node.services.dicomweb import attributes as known
from undisc_node.services.dicomweb.asking import read_question
from undisc_node.services.errors import Invalid
from undisc_node.services.workstations.asking import Level, read_identifier

_LONGEST = 4_096
_LEVELS = {
    Level.PATIENT: known.Level.STUDY,
    Level.STUDY: known.Level.STUDY,
    Level.SERIES: known.Level.SERIES,
    Level.IMAGE: known.Level.INSTANCE,
}


def _known(refusal):
    assert refusal.reason in CODES | {"bad_level", "bad_query"}
    raise refusal


def _ask(data):
    """A question is understood or refused with a code, and its answer can be read."""
    explicit = bool(data[:1] > b"\x7f")
    syntax = EXPLICIT_LITTLE if explicit else IMPLICIT_LITTLE
    try:
        attributes = describe_data_set(data[1:], syntax)
        asked = read_identifier(attributes, patient_root=True)
        read_question(asked.keys.items(), _LEVELS[asked.level], lambda _: None)
    except Invalid as refusal:
        _known(refusal)
    answer = {tag: attributes[tag] for tag in asked.keys}
    answer |= {tag: one for tag in asked.keys if (one := data_sets.empty(tag)) and tag < "00100000"}
    again = describe_data_set(data_sets.encode(answer, explicit=explicit), syntax)
    assert again.keys() - {"00080005"} == answer.keys()


def _questions():
    for explicit in (True, False):
        for level in Level:
            keys = {
                "00080052": {"vr": "CS", "Value": [str(level)]},
                "00080020": {"vr": "DA", "Value": ["20240101-20241231"]},
                "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI"}}]},
                "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^*"}]},
                "00100020": {"vr": "LO", "Value": ["P-1"]},
                "0020000D": {"vr": "UI", "Value": ["1.2.3", "1.2.4"]},
                "0020000E": {"vr": "UI"},
            }
            yield (b"\xff" if explicit else b"\0") + data_sets.encode(keys, explicit=explicit)


TARGETS = [
    Target(
        "dicom-question", _ask, _questions, (Invalid,), longest=_LONGEST,
        words=(*WORDS, b"PATIENT ", b"STUDY ", b"SERIES", b"IMAGE ", b"*", b"?", b"-", b"\\"),
    ),
]  # fmt: skip
