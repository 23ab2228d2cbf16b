"""Checks that secrets do not show in time: ``make ct``."""
