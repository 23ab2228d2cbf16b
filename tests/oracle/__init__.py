"""SPEC.md in plain Python integers, hashlib and hmac: slow, not constant-time, for tests only."""
