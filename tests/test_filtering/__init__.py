"""Who hears what: permissions that a binding names, and functions that a host writes."""
