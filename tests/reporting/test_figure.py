"""What the K × mask figure draws."""

import builtins

import pytest

from strtf.errors import StrtfError
from strtf.reporting import paper
from strtf.reporting.figure import draw, points
from strtf.reporting.results import read_results
from strtf.reporting.tables import measurements


@pytest.fixture
def frame(result, tmp_path):
    for row, correct in (("k4_eq14", 1), ("k1_eq14", 2), ("k2_eq13", 3), ("k12_eq14", 4)):
        counts = [(4, 4, correct)]
        result(f"table_5_k_and_mask/{row}", 0, {"ner": counts, "rc_predicted": counts})
    return measurements(paper.TABLE_5, read_results(str(tmp_path))["reports"])


def test_points_of_one_mask_by_k(frame):
    ours = points(frame, "rc_predicted", 14, "mean")
    assert ours["k"].tolist() == [1, 4, 12] and ours["y"].tolist() == [50.0, 25.0, 100.0]
    assert points(frame, "ner", 13, "mean")["k"].tolist() == [2]


def test_points_of_the_paper(frame):
    theirs = points(frame, "rc_predicted", 14, "paper")
    assert theirs["k"].tolist() == [2, 4, 6] and theirs["y"].tolist() == [91.46, 92.18, 91.71]


def test_a_png_is_written(frame, tmp_path):
    path = tmp_path / "figure.png"
    draw(frame, "reports", path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n")


def test_nothing_to_draw_is_an_error(result, tmp_path):
    with pytest.raises(StrtfError, match="--figure must have results to draw. Received: none of table_5_k_and_mask"):
        draw(measurements(paper.TABLE_5, {}), "reports", tmp_path / "figure.png")
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_one_line_says_so(frame, tmp_path, monkeypatch):
    real = builtins.__import__

    def absent(name, *rest, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(StrtfError, match="Install strtf.tables."):
        draw(frame, "reports", tmp_path / "figure.png")
