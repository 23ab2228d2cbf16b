"""Servers that answer like push services, for tests and demonstrations."""
