"""Fuzzing: bytes from nowhere go through every decoder, and nothing but documented things happen.

    make fuzz                        all targets, 60 seconds together
    make fuzz SECONDS=3600 JOBS=2    longer, two processes at a time
    make fuzz TARGET=chain           one target
    make fuzz TARGET=chain INPUT=x   run one input once, with its traceback

Each module named below lists `TARGETS` of one family; a target is a function of bytes (`target.py`)
with seeds, a dictionary and the error classes that its decoder documents. What was signed or sealed
is signed and sealed by the target itself, so that changes get past the locks. A finding is:

- another exception than the documented ones, or a refusal without a code or with a message that
  could steer a terminal;
- something accepted that does not re-encode to the same bytes, or that allows more than it may;
- an input that takes more than a second of processor time, or a gigabyte of memory.

`make fuzz` runs libFuzzer through atheris in one process for each target (`one.py`), guided by the
coverage of our three packages. A structural mutator (`mutation.py`) changes DAG-CBOR inputs value
by value and puts words of the dictionary in the place of others. What was learnt stays in `.fuzz/`
for the next time. A finding is written to `tests/data/fuzz-findings/TARGET/`: fix the code, give
the file a name that says what it is, and commit both. `test_fuzz.py` replays all of them in every
test run, and sends some thousand random changes of the seeds through every target; neither needs
atheris.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Final

from fuzz.target import Target

FINDINGS: Final = Path(__file__).parents[1] / "data" / "fuzz-findings"
FAMILIES: Final = (
    "encoding", "capability", "identity", "exchange", "packs", "backup", "dicom", "reading", "web",
    "admin", "hl7", "links", "questions", "pairing", "polling",
    "greetings", "notices",
)  # fmt: skip


def targets() -> dict[str, Target]:
    """Return every target by its name."""
    found = [
        target
        for family in FAMILIES
        for target in importlib.import_module(f"fuzz.{family}").TARGETS
    ]
    named = {target.name: target for target in found}
    assert len(named) == len(found), "two targets have one name"
    return named
