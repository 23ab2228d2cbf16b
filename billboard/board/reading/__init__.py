"""The readers of a board: what they ask for, and what they believe (SPEC 9.5)."""
