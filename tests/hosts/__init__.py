"""Hosts as odd as they come: models that the addon has never seen, and how tests bind them."""
