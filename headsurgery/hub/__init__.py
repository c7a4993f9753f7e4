"""The Hub: names become local paths, or checkpoints that are read in place; failures become one clear line each.

`models` and `datasets` find and fetch, `files` reads a repository by ranges and `kept` holds what travelled, `errors` explains
failures, `silence` ends waiting. Token, endpoint, cache, retries and offline mode are huggingface_hub's own: HF_TOKEN, HF_ENDPOINT,
HF_HOME and HF_HUB_OFFLINE. Besides these only `push` talks to the Hub.
"""

from headsurgery.hub.datasets import Dataset as Dataset
from headsurgery.hub.datasets import fetch_dataset as fetch_dataset
from headsurgery.hub.models import Source as Source
from headsurgery.hub.models import fetch_model as fetch_model
from headsurgery.hub.models import open_model as open_model
from headsurgery.hub.models import pinned_name as pinned_name
