"""Takes each defence of the threat table out, one at a time, and demands that its tests fail."""
