"""Passages that were read and labelled against the taxonomy, by reference."""
