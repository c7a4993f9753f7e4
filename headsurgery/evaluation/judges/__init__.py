"""The former place of the judges, in version 0.1. They are now in `headsurgery.judges`."""
