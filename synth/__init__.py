"""Recipes that make documents from documents with a model. Imports corpus only. Empty until models join."""
