"""What client authors generate code from: true of what servers say, and valid to others' eyes."""
