"""HTTP, for all servers and clients: what may come in, what is answered, who is not waited for."""
