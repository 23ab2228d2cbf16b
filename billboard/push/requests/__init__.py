"""Requests to a push server: what they ask, how they are sealed and sent (SPEC 10.1 to 10.8)."""
