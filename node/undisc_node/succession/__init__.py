"""The key of a node is replaced: what a recovery kit makes possible, and in which order.

`kits` opens a kit and makes the next identity record from it; `ceremony` does so for a running
node, at the administrator's word.
"""
