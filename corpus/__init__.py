"""What a document is, where it lives, how it is read and cleaned. Imports nothing of ours."""

from corpus.views import Lake, open_lake

__all__ = ["Lake", "open_lake"]
