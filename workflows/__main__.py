"""`python -m workflows` is the command `tokenmill`."""

from workflows.cli import main

main(prog_name="tokenmill")
