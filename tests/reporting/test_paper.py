"""The paper's numbers agree with each other as far as arithmetic tells."""

import pytest

from strtf.reporting.paper import ENTITIES, NO_RELATION_KEPT, RELATIONS, TABLES

NUMBERS = [
    (table.folder, row.name, score, numbers)
    for table in TABLES
    for row in table.rows
    for score, numbers in row.numbers.items()
]


def test_totals_of_table_1():
    assert sum(ENTITIES.values()) == 2136
    assert sum(RELATIONS.values()) + NO_RELATION_KEPT == 4194


@pytest.mark.parametrize(("table", "row", "score", "numbers"), NUMBERS)
def test_f1_is_the_harmonic_mean(table, row, score, numbers):
    precision, recall, f1 = numbers
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall), abs=0.015)


def test_the_abstract():
    """F1 of 96.89 and 88.51, better than the second by 1.65 and 1.22."""
    table = next(table for table in TABLES if table.folder == "table_4_joint")
    second, ours = (row.numbers for row in table.rows)
    assert (ours["ner"][2], ours["rc_predicted"][2]) == (96.89, 88.51)
    assert ours["ner"][2] - second["ner"][2] == pytest.approx(1.65)
    assert ours["rc_predicted"][2] - second["rc_predicted"][2] == pytest.approx(1.22)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.folder)
def test_rows_give_scores_that_the_table_shows(table):
    assert all(set(row.numbers) <= set(table.scores) for row in table.rows)
    assert table.ours is None or table.ours in {row.name for row in table.rows}
