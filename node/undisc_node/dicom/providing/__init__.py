"""Query and retrieve in the role of the provider (PS3.4 §C): what workstations ask the node for.

`provider` is the door; `dialogue` is what an operation has of its connection while it runs in a
thread; `finding`, `getting` and `moving` are the three operations; `data_sets` encodes answers.
"""
