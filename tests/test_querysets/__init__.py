"""Writes in bulk: what the manager and the capturing block tell that no signal does."""
