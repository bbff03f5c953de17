"""`tokenmill ablate-report`: the evidence of an ablation as one HTML page, its charts within.

Charts are matplotlib's SVG with text as text, so that the page needs no network and can be searched.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from corpus import storage
from mixers.mixture import NO_LANGUAGE
from mixers.regression import rank_correlation
from workflows.ablate import MIXTURE, Evidence, evidence

PAGE = "report.html"
SHOWN = 24
ACROSS = 3  # charts of targets beside each other
RED, GREEN, GREY = "#b3412e", "#2c7a4b", "#8a8f98"


def write_page(lake: str, stage: str, out: str | None) -> str:
    """Write the page of a stage's last ablation, by default beside its evidence; returns where it stands."""
    found = evidence(lake, stage)
    target = out or storage.join(storage.absolute(lake), found.where, PAGE)
    storage.put(storage.absolute(target), render(found).encode())
    return target


def render(found: Evidence) -> str:
    """The whole page."""
    environment = Environment(undefined=StrictUndefined, autoescape=True)
    text = (files("workflows.report") / "ablation.html.j2").read_text(encoding="utf-8")
    charts = {name: _svg(draw, found) for name, draw in CHARTS.items()}
    told = {column: _svg(partial(_told_by, column), found) for column in found.shares}
    return environment.from_string(text).render(found=found, charts=charts, told=told, file=MIXTURE)


def sensitivity(found: Evidence) -> tuple[list[str], list[str], np.ndarray[Any, Any]]:
    """Targets, numbers that vary, and the rank correlation of each number with each target's loss over the swarm."""
    names = [
        name
        for name, values in found.described.items()
        if np.std(values) > 1e-9 and not name.startswith("bend")
    ]
    targets = list(found.swarm)
    table = [
        [rank_correlation(np.array(found.described[n]), np.array(found.swarm[t])) for n in names]
        for t in targets
    ]
    return targets, names, np.array(table)


# ---------------------------------------------------------------- charts


def _fits(plt: Any, found: Evidence) -> Any:
    """Predicted against measured, each member by a model that was not fitted to it."""
    rows = max(1, -(-len(found.fits) // ACROSS))
    figure, axes = plt.subplots(rows, ACROSS, figsize=(9, 2.9 * rows), squeeze=False)
    for axis in axes.flat[len(found.fits) :]:
        axis.axis("off")
    for axis, fit in zip(axes.flat, found.fits, strict=False):
        measured, unseen = found.swarm[fit["target"]], fit["unseen"]
        ends = [min([*measured, *unseen]), max([*measured, *unseen])]
        axis.plot(ends, ends, color=GREY, lw=0.8)
        axis.scatter(measured, unseen, s=9, color=GREEN, alpha=0.7)
        axis.set_title(f"{fit['target']}: order {fit['order']:.2f}", fontsize=9)
        axis.set_xlabel("measured, bits per byte", fontsize=8)
        axis.set_ylabel("predicted", fontsize=8)
    return figure


def _swarm(plt: Any, found: Evidence) -> Any:
    """The loss of each target over the share that says most about it."""
    targets, names, table = sensitivity(found)
    rows = max(1, -(-len(targets) // ACROSS))
    figure, axes = plt.subplots(rows, ACROSS, figsize=(9, 2.9 * rows), squeeze=False)
    for axis in axes.flat[len(targets) :]:
        axis.axis("off")
    for number, (axis, target) in enumerate(zip(axes.flat, targets, strict=False)):
        name = names[int(np.argmax(np.abs(table[number])))]
        axis.scatter(found.described[name], found.swarm[target], s=9, color=GREY, alpha=0.8)
        axis.axvline(found.recommended[name], color=GREEN, lw=1)
        axis.set_title(target, fontsize=9)
        axis.set_xlabel(name, fontsize=8)
        axis.set_ylabel("bits per byte", fontsize=8)
    return figure


def _sensitivity(plt: Any, found: Evidence) -> Any:
    """Which numbers move which target."""
    targets, names, table = sensitivity(found)
    figure, axis = plt.subplots(figsize=(9, 1.6 + 0.32 * len(names)))
    image = axis.imshow(table.T, cmap="RdYlGn_r", vmin=-1, vmax=1, aspect="auto")
    axis.set_xticks(range(len(targets)), targets, rotation=30, ha="right", fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    for (row, column), value in np.ndenumerate(table.T):
        axis.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7)
    figure.colorbar(image, ax=axis, label="rank correlation with the loss")
    return figure


def _shares(plt: Any, found: Evidence) -> Any:
    """Cells: natural beside recommended."""
    return _beside(plt, {n: (s, found.recommended[f"share:{n}"]) for n, s in found.natural.items()})


def _told_by(column: str, plt: Any, found: Evidence) -> Any:
    """The largest languages or fields of what is taken: natural beside recommended."""
    rows = {
        "program code" if row["name"] == NO_LANGUAGE else row["name"]: (
            row["natural"],
            row["recommended"],
        )
        for row in found.shares[column]
    }
    most = sorted(rows, key=lambda name: -rows[name][1])[:SHOWN]
    return _beside(plt, {name: rows[name] for name in most})


def _beside(plt: Any, rows: dict[str, tuple[float, float]]) -> Any:
    figure, axis = plt.subplots(figsize=(9, 1 + 0.36 * len(rows)))
    places = np.arange(len(rows))
    natural, recommended = zip(*rows.values(), strict=True)
    axis.barh(places - 0.18, [100 * n for n in natural], 0.34, color=GREY, label="natural")
    axis.barh(places + 0.18, [100 * r for r in recommended], 0.34, color=GREEN, label="recommended")
    axis.set_yticks(places, list(rows), fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("% of the tokens", fontsize=8)
    axis.legend(fontsize=8, frameon=False)
    return figure


def _copies(plt: Any, found: Evidence) -> Any:
    """Expected copies by rank."""
    figure, axis = plt.subplots(figsize=(9, 3.4))
    for cell in dict.fromkeys(row["cell"] for row in found.copies):
        rows = [row for row in found.copies if row["cell"] == cell]
        axis.plot(
            [10 * r["tenth"] + 5 for r in rows],
            [r["copies"] for r in rows],
            marker="o",
            ms=3,
            label=cell,
        )
    axis.set_xlabel("rank of quality in the cell, % of its tokens (right: best)", fontsize=8)
    axis.set_ylabel("expected copies", fontsize=8)
    axis.legend(fontsize=8, frameon=False)
    return figure


def _gains(plt: Any, found: Evidence) -> Any:
    """The confirmation."""
    figure, axis = plt.subplots(figsize=(9, 0.9 + 0.4 * len(found.gains)))
    for place, gain in enumerate(found.gains):
        sure = GREEN if gain["low"] > 0 else RED if gain["high"] < 0 else GREY
        axis.plot([100 * gain["low"], 100 * gain["high"]], [place, place], color=sure, lw=2)
        axis.plot(100 * gain["mean"], place, "o", color=sure, ms=5)
    axis.axvline(0, color="black", lw=0.6)
    axis.set_yticks(range(len(found.gains)), [f"over {g['over']}" for g in found.gains], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("% less loss of the recommended mixture, with its interval", fontsize=8)
    return figure


CHARTS: dict[str, Callable[[Any, Evidence], Any]] = {
    "gains": _gains,
    "shares": _shares,
    "copies": _copies,
    "fits": _fits,
    "swarm": _swarm,
    "sensitivity": _sensitivity,
}


def _svg(draw: Callable[[Any, Evidence], Any], found: Evidence) -> Markup:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tokenmill", "font.size": 9}):
        figure = draw(plt, found)
        figure.tight_layout()
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
        plt.close(figure)
    text = out.getvalue()
    return Markup(text[text.index("<svg") :])
