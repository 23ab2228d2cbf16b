"""What a push server is asked, how that is sealed, and how it travels (SPEC 10.1 to 10.8)."""
