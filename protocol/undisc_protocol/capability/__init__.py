"""Capabilities: the closed UCAN 1.0 profile (SPEC.md §4)."""
