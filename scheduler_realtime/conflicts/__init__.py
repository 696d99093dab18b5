"""What collides in the schedule: found after each change, told once, and once when it is over."""
