"""One module for each push service; each needs its own libraries, so none is imported here."""
