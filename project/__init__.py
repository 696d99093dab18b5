"""The demo project: a small hospital that schedules its operating rooms."""
