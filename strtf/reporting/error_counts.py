"""What is wrong with the answers of a table's rows, by kind: means over seeds, on the annotated and the found side."""

import statistics

import pandas as pd

from strtf.evaluation.errors import KINDS, RIGHT
from strtf.reporting.paper import PaperTable
from strtf.reporting.record import SIDES
from strtf.reporting.results import Records


def error_counts(table: PaperTable, score: str, records: Records) -> pd.DataFrame:
    """A line for each row whose results count errors, a column for each kind, cells "annotated / found".

    Args:
        score: of which the errors are, one of `errors.KINDS`.
    """
    lines = []
    for row in table.rows:
        counted = [record["errors"][score] for record in records.get((table.folder, row.name), [])
                   if score in record.get("errors", {})]  # fmt: skip
        if counted:
            cells = {kind: _cell(counted, kind) for kind in (RIGHT, *KINDS[score])}
            lines.append({"": row.label} | cells | {"seeds": str(len(counted))})
    return pd.DataFrame(lines)


def _cell(counted: list[dict], kind: str) -> str:
    means = (statistics.mean(sides[side].get(kind, 0) for sides in counted) for side in SIDES)
    return " / ".join(f"{mean:.0f}" for mean in means)
