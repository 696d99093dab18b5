"""Capturing: what the log says after a host has written."""
