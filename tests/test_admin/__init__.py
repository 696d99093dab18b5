"""The Django admin, page by page, as administrators with more and with fewer permissions see it."""
