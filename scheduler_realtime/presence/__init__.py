"""Presence: who is here, as the tables say, and who may know."""
