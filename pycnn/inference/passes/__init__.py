"""Passes: functions that return a graph which computes the same in fewer or larger steps."""
