"""Trained networks run by plans: traced once, simplified, with layouts and memory assigned."""
