"""Pictures of every page of the admin, to be looked at: what pages say and do is tested elsewhere."""
