"""Runs one target under libFuzzer until its time is over: `python -m fuzz.one NAME SECONDS WORK`.

Started by `campaign.py`; ends with another exit code than 0 when there is a finding, whose input
then lies in `tests/data/fuzz-findings/NAME/`.
"""

from __future__ import annotations

import random
import sys
from hashlib import sha256
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["undisc_protocol", "undisc_node", "undisc_admin"]):
    from fuzz.registry import FINDINGS, targets

    TARGETS = targets()  # imports the families, so that they are instrumented too

from fuzz.mutation import mutate
from fuzz.target import Target

MEMORY = 1_024  # MiB of the whole process; a parser that believes a length passes it at once
HANGS = 20  # seconds of real time on one input, when not even the judge comes back
STRUCTURED = 0.3  # of all changes are ours, the rest libFuzzer's, which are ten times as fast


def _escaped(word: bytes) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"'


def _prepare(target: Target, work: Path) -> list[str]:
    """Write seeds and dictionary; return libFuzzer's arguments that name them."""
    corpus, dictionary = work / "corpus", work / "words"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (corpus / sha256(seed).hexdigest()[:16]).write_bytes(seed[: target.longest])
    words = {word for word in target.words if 0 < len(word) <= 64}
    dictionary.write_text("\n".join(map(_escaped, sorted(words))) + "\n")
    return [str(corpus), *([f"-dict={dictionary}"] if words else [])]


def main(name: str, seconds: str, work: str) -> None:
    """Fuzz; never returns."""
    target = TARGETS[name]
    others = [seed[: target.longest] for seed in target.seeds()]
    findings = FINDINGS / name
    findings.mkdir(parents=True, exist_ok=True)

    def change(data: bytes, longest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < STRUCTURED:
            return mutate(data, rng, longest=longest, words=target.words, others=others)
        return atheris.Mutate(data, longest)

    arguments = [
        "fuzz",
        *_prepare(target, Path(work)),
        f"-max_total_time={seconds}",
        f"-max_len={target.longest}",
        f"-rss_limit_mb={MEMORY}",
        f"-timeout={HANGS}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
        "-verbosity=1",
    ]

    def execute(data: bytes) -> None:
        target.judge(data)

    atheris.Setup(arguments, execute, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
