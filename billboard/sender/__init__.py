"""The client of those who wake their contacts."""
