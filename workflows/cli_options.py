"""Options that several commands have."""

from __future__ import annotations

import click

lake_option = click.option(
    "--lake", default="lake", show_default=True, help="A folder or an object-store URI."
)
address_option = click.option(
    "--ray-address", help="Join a Ray cluster instead of starting a local one."
)
cpus_option = click.option("--num-cpus", type=click.IntRange(min=1), help="Cores of the local Ray.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
models_option = click.option(
    "--without-models", is_flag=True, help="Leave out all that the plan asks of models."
)
