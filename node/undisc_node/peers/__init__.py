"""Carries bytes to and from other nodes; knows nothing of what they mean."""
