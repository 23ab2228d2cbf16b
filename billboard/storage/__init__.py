"""What survives a crash of the process or of the machine: files, secrets, states, databases."""
