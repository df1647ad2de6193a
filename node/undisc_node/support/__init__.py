"""Gathers what somebody who helps needs to know of a node, without names, secrets or patients."""
