"""The `undisc` command: a thin client of a node's admin API.

It talks to the node over the Unix socket in the node's home and to nothing else. It never opens the
node's database and never imports `undisc_node`; it holds no state of its own.
"""
