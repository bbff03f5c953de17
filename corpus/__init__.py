"""What a document is, where it lives, how it is read and cleaned. Imports nothing of ours."""
