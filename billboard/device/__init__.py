"""The client on a phone that wants to be woken."""
