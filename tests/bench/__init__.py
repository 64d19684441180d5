"""Side-by-side measurements against what a user would use instead. ``python -m tests.bench`` runs them all."""
