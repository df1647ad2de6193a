"""Run the node as `python -m undisc_node`."""

from undisc_node.cli import main

main()
