"""The three forms of a table."""

import io

import pandas as pd
import pytest

from strtf.reporting.render import paragraph, render

TABLE = pd.DataFrame({"": ["a|b_c", "γ"], "F1": ["97.2 ± 0.1", None], "n": [3, 10]})


def test_markdown_is_padded_and_keeps_its_columns():
    assert render("Title", TABLE, "markdown") == (
        "## Title\n\n"
        "|        | F1         | n   |\n"
        "|--------|------------|-----|\n"
        "| a\\|b_c | 97.2 ± 0.1 | 3   |\n"
        "| γ      |            | 10  |\n"
    )


def test_latex_escapes_what_latex_reads():
    text = render("50 % & more", TABLE, "latex")
    assert r"\caption{50 \% \& more}" in text and r"\begin{tabular}{lrr}" in text
    assert r"a\textbar{}b\_c & 97.2 $\pm$ 0.1 & 3 \\" in text
    assert text.count(r"\begin") == text.count(r"\end") == 2


def test_csv_comes_back():
    assert pd.read_csv(io.StringIO(render("Title", TABLE, "csv")))["n"].tolist() == [3, 10]


def test_a_note():
    assert paragraph("a < b", "markdown") == "a < b\n"
    assert paragraph("a < b", "latex") == "a $<$ b\n"


@pytest.mark.parametrize(("sign", "written"), [("a>b", "a$>$b"), ("a|b", r"a\textbar{}b"), ('a"b', r"a\char34{}b")])
def test_signs_that_the_first_fonts_of_latex_have_otherwise(sign, written):
    assert paragraph(sign, "latex") == f"{written}\n"


@pytest.mark.parametrize(("cell", "written"), [("[1pt]", "{[}1pt] & 1"), ("*", "{*} & 1")])
def test_no_cell_is_an_argument_of_the_line_before(cell, written):
    assert f"\n{written}" in render("Title", pd.DataFrame({"": [cell], "n": [1]}), "latex")


def test_chinese_cells_stand_in_line_on_a_terminal():
    table = pd.DataFrame({"type": ["疾病", "Drug", "检查项目"], "F1": ["1", "22", "3"]})
    lines = render("title", table, "markdown").splitlines()[2:]
    assert lines == [
        "| type     | F1  |",
        "|----------|-----|",
        "| 疾病     | 1   |",
        "| Drug     | 22  |",
        "| 检查项目 | 3   |",
    ]
