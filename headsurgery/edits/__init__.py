"""Where heads lie in a checkpoint, and what an edit touches of them."""
