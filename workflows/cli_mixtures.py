"""The commands about mixtures: `ablate`, `ablate-report`, and `mixture show|diff|simulate`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from workflows.cli_options import (
    address_option,
    cpus_option,
    json_option,
    lake_option,
    models_option,
)


@click.command()
@click.argument("plan")
@lake_option
@click.option("--stage", default="general", show_default=True, help="Whose mixture is tuned.")
@click.option("--mixture", "prior", help="The present mixture, with cells; by default the stage's.")
@click.option(
    "--proxies",
    default=64,
    show_default=True,
    type=click.IntRange(min=8),
    help="Members of the swarm.",
)
@click.option("--params", default="1M", show_default=True, help="Size of a proxy.")
@click.option(
    "--tokens", default=1e6, show_default=True, type=float, help="Tokens that a proxy reads."
)
@click.option(
    "--confirm-params", default="4M", show_default=True, help="Size of the proxies that confirm."
)
@click.option(
    "--seeds",
    default=5,
    show_default=True,
    type=click.IntRange(min=2),
    help="Seeds of the confirmation.",
)
@click.option(
    "--rounds",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Swarms, each around the last optimum.",
)
@click.option("--vocabulary", default=4096, show_default=True, help="Ids of a proxy.")
@click.option(
    "--targets", default="", help="JSON Lines with `target` and `text`: held-out sets of your own."
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Of all that is drawn.",
)
@click.option("--device", default="cpu", show_default=True, type=click.Choice(["cpu", "cuda"]))
@models_option
@address_option
@cpus_option
@json_option
@click.pass_context
def ablate(
    ctx: click.Context,
    /,
    plan: str,
    lake: str,
    prior: str | None,
    without_models: bool,
    ray_address: str | None,
    num_cpus: int | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Tune a stage's mixture of PLAN on small proxy models; run again to go on."""
    from workflows import ablate as ablating
    from workflows.plan import load_mixture, load_plan
    from workflows.progress import Progress

    loaded = load_plan(plan, models=not without_models)
    found = ablating.ablate(
        loaded,
        lake,
        ablating.options(loaded, load_mixture(prior) if prior else None, asked),
        address=ray_address,
        num_cpus=num_cpus,
        progress=Progress(quiet=ctx.obj["quiet"]),
    )
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1, ensure_ascii=False))
        return
    for line in ablating.lines(found):
        click.echo(line)
    for line in found.warnings:
        click.echo(f"warning: {line}", err=True)
    click.echo(f"wrote {lake}/{found.where}/{ablating.MIXTURE} and {ablating.EVIDENCE}")


@click.command("ablate-report")
@lake_option
@click.option("--stage", default="general", show_default=True, help="Whose ablation.")
@click.option("--out", help="Where to write the page; by default beside the evidence in the lake.")
def ablate_report(lake: str, stage: str, out: str | None) -> None:
    """Write the page of an ablation."""
    from workflows.ablation_page import write_page

    click.echo(f"wrote {write_page(lake, stage, out)}")


@click.group()
def mixture() -> None:
    """Read, compare and try mixture files."""


@mixture.command()
@click.argument("file")
@json_option
def show(file: str, as_json: bool) -> None:
    """What FILE says."""
    from workflows import mixtures
    from workflows.plan import load_mixture

    found = load_mixture(file)
    if as_json:
        click.echo(found.model_dump_json(indent=1))
        return
    for line in mixtures.show(found):
        click.echo(line)


@mixture.command()
@click.argument("one")
@click.argument("other")
def diff(one: str, other: str) -> None:
    """What OTHER has otherwise than ONE."""
    from workflows import mixtures
    from workflows.plan import load_mixture

    for line in mixtures.diff(load_mixture(one), load_mixture(other)):
        click.echo(line)


@mixture.command()
@click.argument("file")
@click.option("--plan", required=True, help="The plan of the lake.")
@lake_option
@click.option("--stage", default="general", show_default=True, help="Whose budget is spent.")
@models_option
@json_option
def simulate(
    file: str, plan: str, lake: str, stage: str, without_models: bool, as_json: bool
) -> None:
    """What FILE would select, without writing it: tokens per cell, repetition, documents at the margin."""
    from workflows import mixtures
    from workflows.plan import load_mixture, load_plan

    loaded = load_plan(plan, models=not without_models)
    found = mixtures.simulate(loaded, lake, stage, load_mixture(file))
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1, ensure_ascii=False))
        return
    for line in mixtures.lines(found):
        click.echo(line)
