"""Real processes, started and used as a user does."""
