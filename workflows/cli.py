"""The command `tokenmill`. Each command is a thin reading of its options; the work is in the modules it names.

Exit codes: 0 done; 1 a step or a file failed; 2 a wrong option, plan or path; 3 a deduplication alarm; 4 the lake is in
use; 5 the ledger does not balance; 130 stopped by a signal. Errors go to stderr, without a traceback unless --debug.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

from corpus.errors import AuditError, TokenmillError
from corpus.languages import LANGUAGES
from corpus.strict_yaml import unknown
from workflows import cli_mixtures
from workflows.cli_options import (
    address_option,
    cpus_option,
    json_option,
    lake_option,
    models_option,
)

F = TypeVar("F", bound=Callable[..., Any])
log = logging.getLogger("tokenmill")


class Commands(click.Group):
    """The command group: names the nearest command for a misspelt one, and turns named errors into exit codes."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(unknown("command", args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; the one place where a named error becomes a message."""
        try:
            return super().invoke(ctx)
        except TokenmillError as error:
            _fail(ctx, str(error), error.exit_code)
        except OSError as error:
            _fail(ctx, f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), 1)
        except KeyboardInterrupt:
            _fail(ctx, "stopped at once; run the same command again to go on", 130)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--debug", is_flag=True, help="Show tracebacks and debug messages.")
@click.option("--quiet", is_flag=True, help="Say nothing but results and errors.")
@click.version_option(package_name="tokenmill")
@click.pass_context
def main(ctx: click.Context, debug: bool, quiet: bool) -> None:
    """Turn raw documents in 119 languages into token shards for pre-training."""
    ctx.obj = {"debug": debug, "quiet": quiet}
    level = logging.DEBUG if debug else logging.WARNING if quiet else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("tokenmill").setLevel(level)
    logging.getLogger("workflows").setLevel(level)


@main.command()
@click.argument("folder")
@click.option("--out", default="plan.yaml", show_default=True, help="Where to write the plan.")
def init(folder: str, out: str) -> None:
    """Look at FOLDER and write a first plan for what lies there."""
    from workflows.init import write_plan

    for item in write_plan(folder, out):
        click.echo(
            f"{item.reader:<12} {item.files:>8,} files  {item.bytes / 1e6:>10,.1f} MB  {item.path}"
        )
    click.echo(f"wrote {out}; run it with: tokenmill run {out}")


@main.command()
@click.argument("plan")
@lake_option
@click.option("--scale", type=float, help="Multiply all budgets, instead of the plan's `scale`.")
@click.option("--until", help="Stop after this step.")
@models_option
@address_option
@cpus_option
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    plan: str,
    lake: str,
    scale: float | None,
    until: str | None,
    without_models: bool,
    ray_address: str | None,
    num_cpus: int | None,
    as_json: bool,
) -> None:
    """Run what is not done yet of PLAN, from raw files to shards."""
    from workflows.plan import load_plan
    from workflows.progress import Progress
    from workflows.run import deviations, shortages, summary
    from workflows.run import run as run_plan

    layout = run_plan(
        load_plan(plan, scale=scale, models=not without_models),
        lake,
        until=until,
        address=ray_address,
        num_cpus=num_cpus,
        progress=Progress(quiet=ctx.obj["quiet"]),
    )
    short = shortages(layout) + deviations(layout)
    if as_json:
        click.echo(json.dumps({"summary": summary(layout), "warnings": short}, indent=1))
        return
    for line in short:
        click.echo(f"warning: {line}", err=True)
    for line in _summary_lines(summary(layout), lake):
        click.echo(line)


@main.command()
@lake_option
@json_option
def status(lake: str, as_json: bool) -> None:
    """What is done, running, stale and failed; rows and tokens."""
    from workflows.status import status as status_of

    found = status_of(lake)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("step", "table", "name", "state"):
        table.add_column(column)
    for column in ("parts", "rows", "tokens"):
        table.add_column(column, justify="right")
    for line in found.lines:
        numbers = ["" if n is None else f"{n:,}" for n in (line.units, line.rows, line.tokens)]
        table.add_row(line.step, line.table, line.name, line.state, *numbers)
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    if found.running:
        click.echo(
            f"running: process {found.running['pid']} on {found.running['host'].split('/')[0]}"
        )
    if found.last and found.last["error"]:
        click.echo(f"the last run failed: {found.last['error']}")
    for path in found.stale:
        click.echo(f"stale (not used by the current plan): {path}")


@main.command()
@lake_option
@click.option("--deep", is_flag=True, help="Re-hash every file and add up the shards.")
@json_option
def audit(lake: str, deep: bool, as_json: bool) -> None:
    """Add up the ledger again; exit 5 if anything does not balance."""
    from workflows.audit import audit as audit_lake

    result = audit_lake(lake, deep=deep)
    if as_json:
        click.echo(json.dumps(asdict(result), indent=1))
    else:
        click.echo(
            f"{result.equations:,} equations, {result.files:,} files, {result.bytes / 1e6:,.1f} MB"
            + (" (all hashed again)" if deep else "")
        )
    if result.problems:
        shown = "\n".join(f"  {problem}" for problem in result.problems[:20])
        more = f"\n  … and {len(result.problems) - 20:,} more" if len(result.problems) > 20 else ""
        raise AuditError(f"{len(result.problems):,} do not hold:\n{shown}{more}")
    if not as_json:
        click.echo("everything balances")


@main.command()
@click.argument("shard")
@click.option("--row", type=int, required=True, help="The sequence, from 0.")
@click.option("--token", type=int, help="One token of it, from 0; without, every segment.")
@json_option
def trace(shard: str, row: int, token: int | None, as_json: bool) -> None:
    """Where a sequence of SHARD came from, and why it was chosen."""
    from workflows.trace import trace as trace_shard

    segments = trace_shard(shard, row, token)
    if as_json:
        click.echo(
            json.dumps([asdict(s) for s in segments], indent=1, default=_hex, ensure_ascii=False)
        )
        return
    for segment in segments:
        _print_segment(segment)


@main.command()
@click.argument("path")
@click.option(
    "--head", default=5, show_default=True, type=click.IntRange(min=1), help="Rows to show."
)
@click.option("--decode", "decoded", is_flag=True, help="Decode input_ids to text.")
@json_option
def inspect(path: str, head: int, decoded: bool, as_json: bool) -> None:
    """Look at a Parquet file or folder of a lake."""
    import polars as pl

    from workflows import inspect as look

    frame = look.head(path, head)
    if decoded:
        for number, texts in enumerate(look.decode(frame)):
            if as_json:
                click.echo(json.dumps({"row": number, "segments": texts}, ensure_ascii=False))
                continue
            for segment, text in enumerate(texts):
                click.secho(f"--- row {number}, segment {segment}", fg="cyan")
                click.echo(text if len(text) <= look.MAX_TEXT else text[: look.MAX_TEXT] + " …")
        return
    if as_json:
        click.echo(look.rows_as_json(frame))
        return
    with pl.Config(tbl_rows=head, tbl_cols=-1, fmt_str_lengths=60, tbl_width_chars=-1):
        click.echo(str(frame))


@main.command()
@lake_option
@click.option("--out", help="Where to write the page; by default reports/report.html in the lake.")
def report(lake: str, out: str | None) -> None:
    """Write one self-contained HTML page about a lake."""
    from workflows.report import write_report

    click.echo(f"wrote {write_report(lake, out)}")


@main.command()
@click.argument("name", required=False)
@json_option
def languages(name: str | None, as_json: bool) -> None:
    """The 119 languages, with what each part of the system can do for each."""
    from workflows.abilities import abilities

    rows = abilities(name)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("label", "name", "family", "identified", "words", "stop words", "thresholds"):
        table.add_column(column)
    for row in rows:
        table.add_row(
            row.label,
            row.name,
            row.family,
            row.identified,
            row.words,
            row.stop_words,
            row.thresholds,
        )
    Console(width=None if sys.stdout.isatty() else 130).print(table)
    if name is None:
        named = sum(row.identified == "yes" for row in rows)
        click.echo(
            f"{len(LANGUAGES)} languages; {named} are named one by one, the others in a group"
        )


@main.command()
@lake_option
@json_option
def recipes(lake: str, as_json: bool) -> None:
    """The recipes for synthetic text, with what each has made in the lake, if there is one."""
    from workflows.recipes import recipes as recipes_of

    rows = recipes_of(lake)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("recipe", "asks", "rounds"):
        table.add_column(column)
    for column in ("requests", "documents", "rejected", "tokens"):
        table.add_column(column, justify="right")
    table.add_column("follows")
    for row in rows:
        numbers = (row.requests, row.documents, row.rejected, row.tokens)
        shown = ["" if number is None else f"{number:,}" for number in numbers]
        table.add_row(row.name, row.role, str(row.rounds), *shown, row.literature)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


@main.command("try")
@click.argument("recipe")
@click.option("--text", required=True, help="A UTF-8 text file to start from.")
@click.option("--base-url", required=True, help="An OpenAI-compatible endpoint, with its /v1.")
@click.option("--model", required=True, help="The model's name there.")
@click.option("--language", default="", help="The text's label, such as eng_Latn.")
@click.option(
    "--target", default="", help="Label of the language to write in, for recipes that ask."
)
@click.option("--round", "round_", default=0, show_default=True, help="Which temperature to use.")
def try_(
    recipe: str, text: str, base_url: str, model: str, language: str, target: str, round_: int
) -> None:
    """Ask RECIPE once: the prompt, the raw answer and each guard's verdict."""
    from workflows.attempt import attempt
    from workflows.engines import Model

    served = Model(engine="openai", model=model, base_url=base_url)
    found = attempt(recipe, text, served, language=language, target=target, round_=round_)
    for message in found.messages:
        click.secho(f"--- {message['role']}", fg="cyan")
        click.echo(message["content"])
    click.secho(f"--- answer of {found.response['model']}", fg="cyan")
    click.echo(found.response["text"] if found.response["text"] is not None else "(none)")
    click.secho("--- verdicts", fg="cyan")
    for verdict in found.judged.verdicts:
        click.echo(f"{'ok    ' if verdict.passed else 'FAILED'}  {verdict.guard}  {verdict.detail}")
    click.echo("accepted" if found.judged.text is not None else f"rejected: {found.judged.reason}")


@main.command()
@click.argument("plan")
@lake_option
@click.option(
    "--out", default="labels.jsonl", show_default=True, help="Where to write the labelled set."
)
@click.option(
    "--agreement",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Leave out a label that a smaller share of the answers says.",
)
@address_option
@cpus_option
@json_option
@click.pass_context
def label(
    ctx: click.Context,
    plan: str,
    lake: str,
    out: str,
    agreement: float,
    ray_address: str | None,
    num_cpus: int | None,
    as_json: bool,
) -> None:
    """Have a teacher label what PLAN's `label:` says, and write a labelled set."""
    from workflows import label as labelling
    from workflows.plan import load_plan
    from workflows.progress import Progress

    found = labelling.label(
        load_plan(plan),
        lake,
        Path(out),
        agreement=agreement,
        address=ray_address,
        num_cpus=num_cpus,
        progress=Progress(quiet=ctx.obj["quiet"]),
    )
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1, ensure_ascii=False))
        return
    for line in labelling.lines(found):
        click.echo(line)
    if found.warning:
        click.echo(f"warning: {found.warning}", err=True)
    click.echo(f"wrote {out}")


@main.command()
@click.argument("annotator")
@click.option("--data", required=True, help="A labelled set: JSON Lines with `text` and labels.")
@click.option("--model", default="", help="The model's file; by default ours.")
@click.option("--encoder", default="", help="The folder of the encoder that a student reads with.")
@click.option(
    "--out", default="evaluation.html", show_default=True, help="Where to write the page."
)
@json_option
def evaluate(annotator: str, data: str, model: str, encoder: str, out: str, as_json: bool) -> None:
    """How well ANNOTATOR (language, student) agrees with a labelled set, overall and per language."""
    from workflows import evaluate as evaluation

    given = {"model": model, "encoder": encoder}
    config = {name: value for name, value in given.items() if value}
    found = evaluation.evaluate(annotator, Path(data), config)
    evaluation.page(found, Path(out))
    if as_json:
        click.echo(json.dumps(evaluation.as_json(found), indent=1, ensure_ascii=False))
        return
    for line in evaluation.lines(found):
        click.echo(line)
    click.echo(f"wrote {out}")


@main.command("train-student")
@click.option("--data", required=True, help="A labelled set: JSON Lines with `text` and labels.")
@click.option("--more", help="Another one that helps to fit and is not measured on.")
@click.option("--taxonomy", default="", help="A file of dimensions that adds to ours.")
@click.option("--base", default="", help="A student whose vectors are used; by default ours.")
@click.option("--encoder", default="", help="A folder with an encoder that reads instead.")
@click.option("--tune", is_flag=True, help="The vectors learn from the labels, too; for many.")
@click.option("--out", default="student.npz", show_default=True, help="Where to write the student.")
@json_option
def train_student_(
    data: str,
    more: str | None,
    taxonomy: str,
    base: str,
    encoder: str,
    tune: bool,
    out: str,
    as_json: bool,
) -> None:
    """Fit a student's heads to a labelled set, and measure them on a quarter of it."""
    from workflows import train_student as students

    measured = students.train_student(
        Path(data),
        Path(out),
        more=Path(more) if more else None,
        own=taxonomy,
        base=base,
        encoder=encoder,
        tune=tune,
    )
    if as_json:
        click.echo(json.dumps(students.as_json(measured), indent=1, ensure_ascii=False))
        return
    for line in students.lines(measured):
        click.echo(line)
    click.echo(f"wrote {out}")


for _command in (cli_mixtures.ablate, cli_mixtures.ablate_report, cli_mixtures.mixture):
    main.add_command(_command)


def _fail(ctx: click.Context, message: str, code: int) -> None:
    if ctx.obj and ctx.obj.get("debug"):
        log.exception("traceback")
    click.echo(f"tokenmill: {message}", err=True)
    ctx.exit(code)


def _summary_lines(found: dict[str, Any], lake: str) -> list[str]:
    lines = [
        f"{found['records']:,} records = {found['documents']:,} documents + {found['failed']:,} failed "
        f"+ {found['skipped']:,} skipped"
    ]
    for asked in found["asked"]:
        reasons = sorted((-n, k[9:]) for k, n in asked.items() if k.startswith("rejected."))
        shown = ", ".join(f"{reason} {-number:,}" for number, reason in reasons)
        lines.append(
            f"{asked['name']:<20} {asked['requests']:>9,} requests = {asked['accepted']:,} accepted + "
            f"{asked['rejected']:,} rejected{f' ({shown})' if shown else ''}; "
            f"{asked['completion_tokens']:,} tokens written; {asked['documents']:,} documents"
        )
    for stage in found["stages"]:
        lines.append(
            f"stage {stage['name']:<14} {stage['sequences']:>9,} sequences of {stage['seq_len']:,}  "
            f"{stage['tokens']:>14,} tokens  {100 * stage['utilisation']:.2f} % full  {stage['shards']}"
        )
    lines.append(f"look at it: tokenmill report --lake {lake}")
    return lines


def _print_segment(segment: Any) -> None:
    document = segment.document
    start, stop = segment.tokens
    size = stop - start
    click.secho(f"tokens {start} to {stop - 1}: document {segment.document_id.hex()}", fg="cyan")
    click.echo(f"  record      {document['source']}: {document['locator']}")
    click.echo(
        f"  segment     document tokens {segment.document_offset} to {segment.document_offset + size - 1}"
    )
    click.echo(f"  copy        {segment.copy + 1} of {segment.copies}")
    click.echo(
        f"  selection   {json.dumps(segment.selection, ensure_ascii=False, default=_hex)}; split {segment.split}"
    )
    click.echo(f"  made by     {document['provenance']}; {document['metadata']}")
    for parent in document["parent_ids"]:
        click.echo(f"  parent      {parent.hex()}")
    for seed in segment.seeds:
        click.echo(f"  seed        {seed['source']}: {seed['locator']}; {seed['provenance']}")
    for name, values in segment.annotations.items():
        shown = json.dumps(values, ensure_ascii=False, default=_hex)
        click.echo(f"  {name:<11} {shown if len(shown) <= 300 else shown[:300] + ' …'}")
    click.echo(f"  lies in     {segment.part} row {segment.row}")
    click.echo(
        f"  bytes       {'equal to the document' if segment.matches else 'DIFFER from the document'}"
    )
    text = " ".join(segment.text.split())
    click.echo(f"  text        {text if len(text) <= 200 else text[:200] + ' …'}")


def _hex(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
