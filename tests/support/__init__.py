"""Shared by the tests: strategies, bounds, and things to try them on."""
