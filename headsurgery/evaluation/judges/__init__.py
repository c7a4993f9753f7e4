"""Where judges were in version 0.1; they are in `headsurgery.judges` now."""
