"""Storage that survives a crash of the process or machine: files, secrets, states, databases."""
