"""The listeners: what other nodes, administrators and watchers reach over HTTP."""
