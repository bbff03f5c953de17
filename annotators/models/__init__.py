"""The models that ship with us: each with its card, its file and the script that made it."""
