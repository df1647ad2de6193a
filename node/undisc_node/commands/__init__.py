"""The commands of `undisc-node`, one module each; `undisc_node.cli` puts them together.

A command reads what it was given, calls the part of the node that does the work, and prints. It
keeps no state and takes no decision. Whatever is slow to load is imported inside the command.
"""
