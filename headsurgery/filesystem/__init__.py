"""Files and folders, whatever lies in them: reading, hashing, locks, links, staging. Nothing here knows models."""
