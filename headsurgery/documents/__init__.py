"""Documents: strict JSON, the YAML at the top of model cards, settings that are compared, files written whole or not at all."""
