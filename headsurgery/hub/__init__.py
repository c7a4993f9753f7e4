"""Access to the Hub: turn names into local paths or into checkpoints that are read remotely, and explain each failure in one line.

`models` and `datasets` find and fetch. `files` reads byte ranges of a repository, and `read_cache` holds the fetched bytes.
`errors` explains failures. `silence` sets a time limit for writes. Token, endpoint, cache, retries and offline mode are
huggingface_hub's own: HF_TOKEN, HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE. Apart from this package, only `push` talks to the Hub.
"""
