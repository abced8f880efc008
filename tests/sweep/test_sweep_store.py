"""The results folder: whole tables or none, in a folder of their own."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lehr.bench import Cell, Store, tables
from lehr.bench.store import PATHS, STUDIES
from lehr.errors import LehrError, OptionError, StorageError

CELL = Cell("crashy_branin", "tba-tpe:paper/snap_back=0", 3)


def studies(first, count):
    columns = {name: [0.5] * count for name in STUDIES}
    columns |= {name: [1] * count for name in ("trials", "feasible", "false_winner", "seed")}
    columns |= {
        "study": list(range(first, first + count)),
        "family": ["A", ""] * (count // 2) + ["B"] * (count % 2),
    }
    return columns


def paths(first, count):
    columns = {name: [""] * count for name in PATHS}
    return columns | {"study": list(range(first, first + count)), "feasible": ["000"] * count}


def write(store, first, count, cell=CELL, **more):
    store.write(
        cell, first, studies=studies(first, count), paths=paths(first, count), provenance={"a": 1}, **more
    )


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "results") as opened:
        yield opened


def test_what_is_written_is_read(store):
    columns = studies(0, 3)
    columns["best"] = [0.1 + 0.2, math.nan, -1e-300]
    columns["seed"] = [2**64 - 1, 0, 1]
    columns["family"] = ['comma, "quote"', "", "zwei\nZeilen"]
    store.write(CELL, 0, studies=columns, paths=paths(0, 3), provenance={})
    found = store.studies(CELL)
    assert found["best"].tolist()[::2] == [0.1 + 0.2, -1e-300]
    assert math.isnan(found["best"][1])
    assert found["seed"].dtype == np.uint64
    assert found["seed"].tolist() == [2**64 - 1, 0, 1]
    assert found["family"].tolist() == columns["family"]
    assert found["false_winner"].dtype == bool


def test_parquet_holds_what_csv_holds(tmp_path):
    pytest.importorskip("pyarrow")
    found = {}
    for name in ("csv", "parquet"):
        with Store(tmp_path / name, name) as store:
            columns = studies(0, 4) | {"best": [1.0, math.nan, 0.1, 3.0], "seed": [2**64 - 1, 0, 1, 2]}
            store.write(CELL, 0, studies=columns, paths=paths(0, 4), provenance={})
            store.refresh_curves(CELL)
            found[name] = [Store(tmp_path / name).studies(CELL), store.paths(CELL), store.curves(CELL)]
    for ours, theirs in zip(found["csv"], found["parquet"], strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert ours[name].dtype.kind == theirs[name].dtype.kind
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_without_pyarrow_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(LehrError, match=r"pip install 'lehr\[bench\]'.*csv"):
        Store(tmp_path / "new", "parquet")
    assert not (tmp_path / "new").exists()


def test_missing_studies_are_those_in_no_range(store):
    assert store.missing(CELL, 10) == [(0, 10)]
    write(store, 2, 3)
    write(store, 7, 1)
    assert store.ranges(CELL) == [(2, 5), (7, 8)]
    assert store.missing(CELL, 10) == [(0, 2), (5, 7), (8, 10)]
    assert store.missing(CELL, 3) == [(0, 2)]
    assert store.missing(CELL, 7) == [(0, 2), (5, 7)]
    write(store, 0, 2)
    assert store.missing(CELL, 5) == []
    assert store.studies(CELL, 3)["study"].tolist() == [0, 1, 2]
    assert store.studies(CELL)["study"].tolist() == [0, 1, 2, 3, 4, 7]


def test_cells_are_listed_under_their_own_names(store):
    names = ["a+b,c", "..", "peer: 1/2=x", "ümlaut", "tpe"]
    cells = [Cell(problem, method, 5) for problem in ("p@t4", "..") for method in names]
    for cell in cells:
        write(store, 0, 2, cell)
    assert store.cells() == sorted(cells)
    inside = {path.resolve() for path in store.folder.rglob("studies-*")}
    assert len(inside) == len(cells)
    assert all(store.folder.resolve() in path.parents for path in inside)


def test_curves_follow_the_studies(store):
    write(store, 0, 2)
    store.refresh_curves(CELL)
    assert store.curves(CELL)["studies"].tolist() == [2.0] * 3
    path = store.cell_folder(CELL) / "curves.csv"
    before = path.stat().st_mtime_ns
    store.refresh_curves(CELL)
    assert path.stat().st_mtime_ns == before
    write(store, 2, 2)
    store.refresh_curves(CELL)
    assert store.curves(CELL)["studies"].tolist() == [4.0] * 3


def test_trials_are_kept_packed_and_alike(store, tmp_path):
    records = [{"study": 0, "trial": i, "config": {"x": i}} for i in range(3)]
    write(store, 0, 1, trials=iter(records))
    assert list(store.trials(CELL)) == records
    packed = (store.cell_folder(CELL) / "trials-0-0.jsonl.gz").read_bytes()
    with Store(tmp_path / "again") as other:
        write(other, 0, 1, trials=records)
    assert (other.cell_folder(CELL) / "trials-0-0.jsonl.gz").read_bytes() == packed


def test_a_write_that_fails_leaves_no_cell(store, monkeypatch):
    real = tables.write_table

    def failing(path, schema, columns):
        if path.name.startswith("studies"):
            raise StorageError("no space")
        real(path, schema, columns)

    monkeypatch.setattr(tables, "write_table", failing)
    with pytest.raises(StorageError):
        write(store, 0, 2)
    assert store.cells() == []
    assert store.missing(CELL, 2) == [(0, 2)]
    monkeypatch.setattr(tables, "write_table", real)
    write(store, 0, 2)
    assert store.missing(CELL, 2) == []


def test_a_failed_file_leaves_nothing_behind(store):
    (store.folder / "name").mkdir()
    with pytest.raises(StorageError, match="cannot write"):
        tables.write_file(store.folder / "name", b"a folder is in the way")
    assert not list(store.folder.glob(".tmp-*"))


def test_leftovers_of_a_killed_write_are_cleared(tmp_path):
    with Store(tmp_path) as store:
        write(store, 0, 1)
    leftover = store.cell_folder(CELL) / ".tmp-abc"
    leftover.write_bytes(b"half")
    with Store(tmp_path):
        assert not leftover.exists()


def test_one_writer_at_a_time(tmp_path):
    with Store(tmp_path), pytest.raises(StorageError, match="in use"), Store(tmp_path):
        pass
    with Store(tmp_path):
        pass


def test_a_folder_of_other_content_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OptionError, match="holds other files; give a new or an empty folder"):
        Store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("{", StorageError, "cannot read"),
        ("[]", OptionError, "is not that of a sweep"),
        ('{"format": "other"}', OptionError, "is not that of a sweep"),
        ('{"format": "lehr.sweep", "version": 99, "tables": "csv"}', StorageError, "another version"),
        ('{"format": "lehr.sweep", "version": 1, "tables": "xls"}', StorageError, "another version"),
    ],
)
def test_a_marker_that_is_not_ours_is_refused(tmp_path, content, error, words):
    (tmp_path / "lehr-sweep.json").write_text(content)
    with pytest.raises(error, match=words):
        Store(tmp_path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="is a file"):
        Store(tmp_path / "file")


def test_formats_do_not_mix(tmp_path):
    with Store(tmp_path / "results", "csv"):
        pass
    with pytest.raises(OptionError, match="holds tables in csv"):
        Store(tmp_path / "results", "parquet")
    with pytest.raises(OptionError, match="unknown format 'xls'"):
        Store(tmp_path / "other", "xls")


@pytest.mark.parametrize("damage", ["", "nonsense\n1\n", None])
def test_a_damaged_table_is_named(store, damage):
    write(store, 0, 3)
    path = store.cell_folder(CELL) / "studies-0-2.csv"
    path.write_text(path.read_text()[:-40] if damage is None else damage)
    with pytest.raises(StorageError, match=r"studies-0-2\.csv"):
        store.studies(CELL)
