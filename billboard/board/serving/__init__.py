"""The parts of the HTTP server of a board (SPEC 9.9)."""
