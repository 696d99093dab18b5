"""Optimisations in the open: what is told of them, how often, and how they end."""
