"""The demonstration: a study crosses between two real nodes on this machine."""
