"""Figures as OpenMetrics: the only package that knows prometheus-client."""
