"""Whoever gets a finding can look up what to do."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = re.compile(r"(?:Problem|_problem|_some)\(\s*\"([a-z_]+)\"")


def test_every_finding_of_a_check_is_in_the_guide():
    sources = (ROOT / "node/undisc_node/storage/checking").glob("*.py")
    found = {code for path in sources for code in CODE.findall(path.read_text("utf-8"))}
    found |= {"start_damaged", "header_damaged", "catalog_unusable", "keyring_unusable"}
    guide = (ROOT / "docs/howto/check-a-node.md").read_text("utf-8")
    assert len(found) > 15
    assert sorted(code for code in found if f"`{code}`" not in guide) == []
