"""Prime-order groups. Keys, lanes, posts and batches live on ``ristretto255``."""
