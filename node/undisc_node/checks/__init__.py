"""`undisc-node doctor`: look at a node from all sides, and say what to do.

Each check is one function that returns one finding; `registry.CHECKS` lists them, and
`docs/reference/doctor.md` comes from that list. None changes anything, takes longer than a few
seconds or raises.
"""

from undisc_node.checks.examining import examine
from undisc_node.checks.finding import Check, Finding, Level
from undisc_node.checks.registry import CHECKS

__all__ = ["CHECKS", "Check", "Finding", "Level", "examine"]
