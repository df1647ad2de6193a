"""Every decoder keeps its word: earlier findings, and some thousand changes of good inputs."""

import random
import time

import pytest

from fuzz.mutation import mutate
from fuzz.registry import FINDINGS, targets

TARGETS = targets()
SMOKE = 0.2  # seconds of processor time for each target
NEVER_ACCEPTED = {"refusal"}  # it is raised, whatever it says


@pytest.mark.parametrize("name", TARGETS)
def test_some_seed_is_accepted(name):
    """Changes of inputs that are refused at once would try nothing."""
    target = TARGETS[name]
    accepted = [target.judge(seed[: target.longest]) for seed in target.seeds()]
    assert accepted
    assert any(accepted) == (name not in NEVER_ACCEPTED)


@pytest.mark.parametrize("name", TARGETS)
def test_random_changes(name):
    target, rng = TARGETS[name], random.Random(name)
    seeds = [seed[: target.longest] for seed in target.seeds()]
    end = time.process_time() + SMOKE
    while time.process_time() < end:
        data = mutate(
            rng.choice(seeds), rng, longest=target.longest, words=target.words, others=seeds
        )
        target.judge(data)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=f"{path.parent.name}-{path.name}")
        for path in sorted(FINDINGS.glob("*/*"))
    ],
)
def test_a_finding_stays_fixed(path):
    TARGETS[path.parent.name].judge(path.read_bytes())
