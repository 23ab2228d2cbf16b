"""HTTP for all servers and clients: admission, bodies, answers, time limits."""
