"""Code that a model wrote, with its tests: run in a sandbox, and believed when the tests notice faults (`verify`)."""
