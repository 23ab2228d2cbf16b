"""What the HTTP server of a board is made of (SPEC 9.9)."""
