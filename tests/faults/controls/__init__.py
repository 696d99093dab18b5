"""Two ways to tell of changes that lose some: the judge must find both guilty."""
