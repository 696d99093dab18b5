"""Real Redis, PostgreSQL, ASGI servers, sockets and browsers for the tests to hold."""
