"""The pictures of a report, as SVG texts: light, few colours, readable on paper."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lehr.errors import MissingPackageError

Columns = Mapping[str, npt.NDArray[Any]]

# Okabe and Ito's colours, which colour-blind readers can tell apart, on white; black for more than eight methods.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A6A00", "#000000")
_DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_GREY = "#666666"
_NOTHING = "#EEEEEE"


def style_of(index: int) -> dict[str, Any]:
    """Colour and dash of the method at a place in the list; both repeat, their combination does after 32.

    Neighbours differ in both: lines that coincide, as those of two presets may, show through each other's gaps.
    """
    return {
        "color": _COLOURS[index % len(_COLOURS)],
        "linestyle": _DASHES[(index + index // len(_COLOURS)) % len(_DASHES)],
    }


def regret_over_trials(curves: Mapping[str, Columns], title: str) -> str:
    """Simple regret after each number of trials: the median with its quartiles, or the mean over studies with a
    winner where more than half the studies of a method reach the optimum and the median says no more.

    Args:
        curves: by method; columns of `lehr.bench.curves`.
        title: above the picture.
    """
    figure, axes = _figure(len(curves))
    medians = not any((columns["regret_q50"] == 0).any() for columns in curves.values())
    banded = medians and len(curves) <= _MOST_BANDS
    lines = {method: columns["regret_q50" if medians else "regret"] for method, columns in curves.items()}
    for index, (method, columns) in enumerate(curves.items()):
        if np.isnan(lines[method]).all():
            continue
        axes.plot(columns["trial"], lines[method], label=method, linewidth=1.6, **style_of(index))
        if banded:
            low, high = columns["regret_q25"], columns["regret_q75"]
            axes.fill_between(
                columns["trial"], low, high, color=style_of(index)["color"], alpha=0.1, linewidth=0
            )
    values = np.concatenate([values[~np.isnan(values)] for values in lines.values()] or [np.zeros(0)])
    if len(values) == 0:
        axes.text(
            0.5, 0.5, "hardly any study found something feasible", transform=axes.transAxes, ha="center"
        )
    elif (values > 0).all():
        axes.set_yscale("log")
    elif (values > 0).any():  # some reach the optimum in every study
        axes.set_yscale("symlog", linthresh=float(values[values > 0].min()))
    _legend(figure, axes)
    _label(
        axes,
        title,
        "trials",
        "simple regret, " + ("median and quartiles" if banded else "median" if medians else "mean"),
    )
    return _svg(figure)


def wasted_over_trials(curves: Mapping[str, Columns], title: str) -> str:
    """Mean share of trials so far that were not feasible."""
    figure, axes = _figure(len(curves))
    for index, (method, columns) in enumerate(curves.items()):
        axes.plot(columns["trial"], 100 * columns["wasted"], label=method, linewidth=1.6, **style_of(index))
    axes.set_ylim(0, 100)
    _legend(figure, axes)
    _label(axes, title, "trials", "wasted so far, % of trials")
    return _svg(figure)


def discovery_against_waste(points: Mapping[str, tuple[Any, Any]], title: str, ylabel: str) -> str:
    """One point a method with both 95 % intervals; the upper left corner is best.

    Args:
        points: by method; intervals (`lehr.bench.statistics.Interval`) of the wasted share and of the discovery rate.
        title: above the picture.
        ylabel: what the second interval is a share of.
    """
    figure, axes = _figure(len(points))
    for index, (method, (wasted, found)) in enumerate(points.items()):
        if math.isnan(wasted.value) or math.isnan(found.value):
            continue
        axes.errorbar(
            100 * wasted.value, 100 * found.value, xerr=_arms(wasted), yerr=_arms(found), label=method,
            marker=_MARKERS[index % len(_MARKERS)], color=style_of(index)["color"], markersize=6,
            markerfacecolor="white" if index >= len(_COLOURS) else None, elinewidth=0.9, linestyle="none",
        )  # fmt: skip
    axes.set_ylim(-3, 103)
    axes.set_xlim(left=0)
    _legend(figure, axes)
    _label(axes, title, "wasted, % of trials", ylabel)
    return _svg(figure)


def family_map(families: Mapping[str, Sequence[str]], best: Sequence[str], title: str) -> str:
    """Which family won each study: a row a method, a column a seed, so that seeds compare down a column.

    Args:
        families: by method, the winner's family of each study; empty where nothing feasible was found.
        best: families that reach the optimum; they come first in the legend.
        title: above the picture.
    """
    names = sorted({name for row in families.values() for name in row if name} | set(best))
    names.sort(key=lambda name: name not in best)
    colours = {"": _NOTHING} | {
        name: _FAMILIES[i % len(_FAMILIES)] for i, name in enumerate([n for n in names if n not in best])
    }
    colours |= {name: _BEST[i % len(_BEST)] for i, name in enumerate(best)}
    width = max(map(len, families.values()), default=1)
    codes = {name: code for code, name in enumerate(colours)}
    grid = np.full((len(families), width), np.nan)
    for row, found in enumerate(families.values()):
        grid[row, : len(found)] = [codes[name] for name in found]
    plt, colormap = _colormap(list(colours.values()))
    figure, axes = plt.subplots(figsize=(8.6, 0.7 + 0.3 * len(families) + 0.5), layout="constrained")
    axes.pcolormesh(
        np.arange(width + 1), np.arange(len(families) + 1), grid, cmap=colormap, vmin=-0.5,
        vmax=len(colours) - 0.5, edgecolors="white", linewidth=0.4 if width <= 120 else 0.0,
    )  # fmt: skip
    axes.invert_yaxis()
    axes.set_yticks(np.arange(len(families)) + 0.5, list(families))
    axes.tick_params(left=False, labelsize=8)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel("study (seed)", fontsize=8, color=_GREY)
    axes.set_title(title, loc="left", fontsize=10)
    used = [*best, *[name for name in names if name not in best], ""]
    patches = [plt.Rectangle((0, 0), 1, 1, color=colours[name]) for name in used]
    labels = [f"{name} (best)" if name in best else name or "nothing feasible" for name in used]
    axes.legend(
        patches, labels, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False, handlelength=1.0,
    )  # fmt: skip
    return _svg(figure)


_LEGEND_INSIDE = 6
_MOST_BANDS = 5  # quartiles of more methods cover each other
_LEGEND_COLUMNS = 3
_BEST = ("#009E73", "#58BFA3", "#9BD9C8")
_FAMILIES = ("#BBD4E8", "#F3C9A5", "#D9C2D6", "#E8DFA8", "#C9C9C9", "#A9BBC9", "#D8A9A0")


def _figure(methods: int) -> tuple[Any, Any]:
    """Axes of one size, with room below for a legend of many methods."""
    plt, _ = _colormap(["#FFFFFF"])
    rows = math.ceil(methods / _LEGEND_COLUMNS) if methods > _LEGEND_INSIDE else 0
    figure, axes = plt.subplots(figsize=(5.2, 3.6 + 0.17 * rows), layout="constrained")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", labelsize=8)
    return figure, axes


def _colormap(colours: Sequence[str]) -> tuple[Any, Any]:
    try:
        import matplotlib
    except ImportError:
        raise MissingPackageError(
            "plots need matplotlib; install it with: pip install 'lehr[bench]'"
        ) from None
    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "lehr"  # equal results, equal file
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot
    from matplotlib.colors import ListedColormap

    return pyplot, ListedColormap(list(colours))


def _svg(figure: Any) -> str:
    """The picture as an SVG element, without the parts that only a file of its own needs."""
    from matplotlib import pyplot

    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    # Names of groups, which nothing refers to, would repeat in a page of several pictures.
    return re.sub(r' id="[a-z0-9]+(_\d+)+"', "", text).strip()


def _label(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(x, fontsize=8, color=_GREY)
    axes.set_ylabel(y, fontsize=8, color=_GREY)


def _legend(figure: Any, axes: Any) -> None:
    """Inside while there is room, else below."""
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > _LEGEND_INSIDE:
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=_LEGEND_COLUMNS,
            fontsize=7,
            frameon=False,
            handlelength=2.4,
        )
    elif labels:
        axes.legend(fontsize=8, frameon=False, handlelength=2.4)


def _arms(interval: Any) -> list[list[float]] | None:
    if math.isnan(interval.low):
        return None
    return [[100 * (interval.value - interval.low)], [100 * (interval.high - interval.value)]]
