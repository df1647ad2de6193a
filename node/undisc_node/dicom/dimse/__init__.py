"""DIMSE messages (PS3.7) on top of `upper_layer`, as sans-io as it is.

`commands` are the bytes of commands, `messages` puts pieces together, `negotiation` decides what is
agreed upon, `statuses` what a sender is told.
"""
