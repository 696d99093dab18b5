"""A host with one model, whose rows say themselves who may know of them."""
