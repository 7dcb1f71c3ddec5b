"""Claims into requests, readings into verdicts."""
