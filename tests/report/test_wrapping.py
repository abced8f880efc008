"""Lines in a narrow terminal."""

from __future__ import annotations

from lehr.report.wrapping import wrapped

LONG = "The budget went to: over limit 12 (1:02 min), crashed 3 (4.20 s), too slow 2 (9.00 s)."


def test_a_line_that_fits_is_left_alone() -> None:
    assert wrapped("  a   b", 60) == ["  a   b"]


def test_words_are_kept_whole() -> None:
    parts = wrapped(LONG, 60)
    assert " ".join(parts) == LONG
    assert max(map(len, parts)) <= 60
    assert wrapped("x" * 70 + " tail", 60) == ["x" * 70, "tail"]


def test_what_is_indented_stays_so() -> None:
    parts = wrapped("  " + LONG, 40)
    assert len(parts) > 2
    assert all(part.startswith("  ") and not part.startswith("   ") for part in parts)


def test_a_command_to_copy_stays_whole_on_a_line_of_its_own() -> None:
    command = "lehr verify some/folder/that/is/deep --max-latency-p95 20ms --repeats 5"
    assert wrapped(f"Written to some/folder. To measure it again: {command}", 60) == [
        "Written to some/folder. To measure it again:",
        f"  {command}",
    ]
