"""What goes wrong in between, under load, and a judge of what was heard all the same."""
