"""The demo's host, where not everybody may know of every surgery."""
