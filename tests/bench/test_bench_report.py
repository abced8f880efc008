"""The HTML page and the results text from a tiny folder."""

from __future__ import annotations

import csv
import math
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from lehr.bench import Cell, Problem, Store, plots, sweep
from lehr.bench import report as page
from lehr.bench.results import ABLATION, Plan, findings, measure
from lehr.bench.results_text import markdown, table
from lehr.bench.runs import run
from lehr.bench.statistics import Interval
from lehr.errors import OptionError

VOID = {"meta", "br", "link", "img"}


class Page(HTMLParser):
    """Checks that what is opened is closed, and gathers."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [str(value) for name, value in attrs if name in ("href", "src", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [str(value) for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("report") / "results"
    sweep(["crashy_branin"], ["tba-tpe", "random"], [5, 8], 6, folder, threads=1, command=["lehr", "<sweep>"])
    sweep(["digits_edge"], ["tba-tpe", "random"], [6], 6, folder, threads=1, command=["lehr", "<sweep>"])
    run(["crashy_branin"], ["optuna-random"], [8], 4, folder, processes=1, command=["lehr", "bench"])
    return Store(folder)


def test_the_page_is_whole_and_self_contained(store: Store) -> None:
    text = page.report(store, title="A & B")
    parsed = Page()
    parsed.feed(text)
    assert parsed.open == []
    assert "script" not in parsed.seen
    assert all(link.startswith("#") for link in parsed.links)  # nothing is fetched
    assert parsed.seen.count("svg") == 2 * 3 + 2  # regret, waste, discovery; families
    assert "A & B" in parsed.text
    assert "lehr <sweep>" in parsed.text
    for words in ("crashy_branin", "digits_edge", "optuna-random", "Each against each", "p (Holm)"):
        assert words in parsed.text
    assert page.report(store, title="A & B") == text  # equal results, equal page


def test_the_page_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="holds no results"):
        page.report(Store(tmp_path / "none"))


def test_figures_of_the_page_as_data(store: Store) -> None:
    document = page.document(store)
    assert len(document["cells"]) == 7
    pairs = {
        (duel["first"], duel["second"], duel["pairs"]) for duel in document["duels"] if duel["budget"] == 8
    }
    assert pairs == {
        ("optuna-random", "random", 4),
        ("optuna-random", "tba-tpe", 4),
        ("random", "tba-tpe", 6),
    }


def labels(svg: str) -> list[str]:
    return [
        "".join(element.itertext()).strip()
        for element in ElementTree.fromstring(svg).iter()
        if element.tag.endswith("text")
    ]


def curve(regret: float, trials: int = 4) -> dict[str, np.ndarray]:
    names = ["regret", "regret_q25", "regret_q50", "regret_q75", "wasted"]
    return {"trial": np.arange(1.0, trials + 1)} | {name: np.full(trials, regret) for name in names}


def test_medians_are_drawn_until_they_say_nothing() -> None:
    few = {"a": curve(0.5), "b": curve(0.1)}
    many = {str(i): curve(0.1 + i) for i in range(6)}
    assert "simple regret, median and quartiles" in labels(plots.regret_over_trials(few, "t"))
    assert "simple regret, median" in labels(plots.regret_over_trials(many, "t"))
    assert "simple regret, mean" in labels(plots.regret_over_trials({"a": curve(0.5), "b": curve(0.0)}, "t"))
    nothing = labels(plots.regret_over_trials({"a": curve(math.nan)}, "t"))
    assert "hardly any study found something feasible" in nothing


def test_many_methods_keep_apart() -> None:
    styles = [(style["color"], str(style["linestyle"])) for style in map(plots.style_of, range(32))]
    assert len(set(styles)) == 32
    svg = plots.wasted_over_trials({f"method {i}": curve(0.1 * i) for i in range(9)}, "t")
    assert {f"method {i}" for i in range(9)} <= set(labels(svg))


def test_discovery_and_families() -> None:
    known, unknown = Interval(0.5, 0.4, 0.6, 9), Interval(math.nan, math.nan, math.nan, 0)
    svg = plots.discovery_against_waste({"a": (known, known), "b": (known, unknown)}, "t", "found")
    assert "a" in labels(svg)
    assert "b" not in labels(svg)
    svg = plots.family_map({"a": ["vit", "", "lenet"], "b": ["vit"]}, ["vit"], "t")
    assert {"vit (best)", "lenet", "nothing feasible"} <= set(labels(svg))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store]:
    folder = tmp_path_factory.mktemp("results") / "store"
    plan = Plan(problems=("digits_edge",), rivals=("optuna-random",), seeds=4)
    return plan, measure(plan, folder, processes=1)


def test_results_are_written_from_the_folder(results: tuple[Plan, Store]) -> None:
    plan, store = results
    found = findings(plan, store)
    text = markdown(found, "lehr bench results", "results/table.csv")
    assert "Made by `lehr bench results`" in text
    assert "[table.csv](results/table.csv)" in text
    assert "Seeds of each cell: 4 for tba-tpe" in text
    for label in ABLATION:
        assert f"- {label}: by simple regret" in text
        assert f"- {label}: by wasted share" in text
    assert "**tba-tpe** against optuna-random: 4 pairs of studies are too few to show a difference." in text
    assert "| `tba-tpe` | `optuna-random` | 0 / 1 / 0 | 0 / 1 / 0 |" in text
    summary = next(s for s in found.summaries if s.cell == Cell("digits_edge", "random", 25))
    row = next(line for line in text.splitlines() if line.startswith("| `random` | 4 |"))
    assert f"{100 * summary.means['wasted'].value:.0f} %" in row
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)


def test_the_table_has_a_row_for_each_cell(results: tuple[Plan, Store]) -> None:
    plan, store = results
    found = findings(plan, store)
    lines = table(found.summaries, "lehr bench results").splitlines()
    assert lines[0] == "# lehr bench results"
    rows = list(csv.DictReader(lines[1:]))
    assert {row["method"] for row in rows} == {cell.method for cell in plan.cells()}
    random = next(row for row in rows if row["method"] == "random")
    values = store.studies(Cell("digits_edge", "random", 25))
    assert float(random["wasted"]) == pytest.approx(values["wasted"].mean(), rel=1e-5)
    assert float(random["wasted_low"]) <= float(random["wasted"]) <= float(random["wasted_high"])


def test_what_is_finished_is_not_measured_again(results: tuple[Plan, Store]) -> None:
    plan, store = results
    before = {path: path.stat().st_mtime_ns for path in store.folder.rglob("studies-*")}
    measure(plan, store.folder, processes=1)
    assert {path: path.stat().st_mtime_ns for path in store.folder.rglob("studies-*")} == before


def test_the_plan_covers_the_paper_where_its_problems_are() -> None:
    cells = Plan(problems=("crashy_branin",), rivals=()).cells()
    assert Cell("crashy_branin", "tba:paper/snap_back=0", 30) in cells
    assert Cell("crashy_branin", "tpe:paper", 50) in cells
    assert not any(cell.problem.startswith("edge_tight") for cell in cells)


def test_all_problems_of_the_plan_exist() -> None:
    for name in Plan().problems:
        assert Problem.load(name).name == name
