"""The faults, one function each: what goes wrong while writers write and clients listen."""
