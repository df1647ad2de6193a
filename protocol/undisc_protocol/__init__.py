"""What two undisc nodes say to each other: formats and rules, without any I/O.

Nothing in this package opens a socket or a file, reads a clock or draws a random number: time,
randomness and bytes are arguments. `SPEC.md` beside this package describes every byte.
"""

SPEC_VERSION = "1"
"""Version of SPEC.md and of the vectors that this package implements."""
