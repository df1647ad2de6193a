"""The undisc node: one practice's server."""
