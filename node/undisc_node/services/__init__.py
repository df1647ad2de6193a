"""Use cases of a node. They see the protocol package and `ports`, and nothing else."""
