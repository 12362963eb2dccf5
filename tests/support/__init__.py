"""What tests share: strategies, bounds, and things to try them on."""
