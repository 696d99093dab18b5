"""The judge: what was committed against what each client was handed, and what it was told of doubt."""
