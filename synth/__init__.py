"""Recipes for synthetic text (`synth.recipes`), and the verification of what models write: text, mathematics, code."""
