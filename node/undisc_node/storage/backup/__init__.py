"""Backups of a node: a repository of immutable files, written while the node runs.

The format and the order of acts are in docs/adr/0012-backup-format.md.
"""
