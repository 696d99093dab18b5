"""The tests: one file a room, and the real servers they run against."""
