"""Annotations to selection to sequences to token shards. Imports corpus only."""
