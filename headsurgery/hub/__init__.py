"""The Hub: names become local paths, or checkpoints that are read in place; failures become one clear line each.

`models` and `datasets` find and fetch, `files` reads a repository by ranges and `kept` holds what travelled, `errors` explains
failures, `silence` ends waiting. Token, endpoint, cache, retries and offline mode are huggingface_hub's own: HF_TOKEN, HF_ENDPOINT,
HF_HOME and HF_HUB_OFFLINE. Besides these only `push` talks to the Hub.
"""
