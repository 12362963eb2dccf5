"""Training on many processes, each with its part of every batch."""
