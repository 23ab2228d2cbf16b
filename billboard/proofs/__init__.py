"""Proofs of knowledge."""
