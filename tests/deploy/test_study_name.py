from __future__ import annotations

from lehr.deploy.study_name import choose, default_name, digest


def test_the_digest_depends_on_content_and_not_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5})
    assert digest({"a": 1}) != digest({"a": "1"})
    assert len(digest({})) == 12


def test_a_name_is_plain_whatever_the_file_is_called() -> None:
    assert default_name("my model (v2)", "abc") == "my-model-v2-abc"
    assert default_name("模型", "abc") == "model-abc"
    assert default_name("x" * 100, "abc") == "x" * 40 + "-abc"


def test_the_newest_study_goes_on_and_fresh_takes_the_next_free_name() -> None:
    taken: set[str] = set()
    assert choose("s", taken.__contains__, fresh=False) == "s"
    assert choose("s", taken.__contains__, fresh=True) == "s"
    taken = {"s"}
    assert choose("s", taken.__contains__, fresh=False) == "s"
    assert choose("s", taken.__contains__, fresh=True) == "s-2"
    taken = {"s", "s-2", "s-3"}
    assert choose("s", taken.__contains__, fresh=False) == "s-3"
    assert choose("s", taken.__contains__, fresh=True) == "s-4"
