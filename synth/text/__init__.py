"""Text that a model wrote, held against its source (`grounding`)."""
