"""The schedule of a hospital: which surgery is in which room, when, and with whom."""
