"""Looks at everything a node has on disk and says what is not as it was written."""
