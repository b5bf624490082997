"""Tables as Markdown, LaTeX (booktabs) or CSV."""

import unicodedata
from collections.abc import Sequence

import pandas as pd

FORMATS = ("markdown", "latex", "csv")

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "—": "---", "→": r"$\to$",
    "<": "$<$", ">": "$>$", "|": r"\textbar{}", '"': r"\char34{}",  # other signs in LaTeX's first fonts
    "[": "{[}", "*": "{*}",  # at the beginning of a line they would belong to the \\ before
}  # fmt: skip


def render(title: str, table: pd.DataFrame, style: str) -> str:
    """A titled table.

    Args:
        table: its cells, written as `str` has them; missing ones stay empty.
        style: one of FORMATS. CSV has no title.
    """
    if style == "csv":
        return table.to_csv(index=False)
    cells = [["" if pd.isna(cell) else str(cell) for cell in row] for row in table.itertuples(index=False)]
    write = _latex if style == "latex" else _markdown
    return write(title, [*map(str, table.columns)], cells)


def paragraph(text: str, style: str) -> str:
    """A note between tables."""
    return (_escaped(text) if style == "latex" else text) + "\n"


def _markdown(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *map(_columns, column)) for column in zip(*cells, strict=True)]
    lines = [f"| {' | '.join(map(_padded, row, widths))} |" for row in cells]
    lines.insert(1, f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    return "\n".join([f"## {title}", "", *lines, ""])


def _columns(text: str) -> int:
    """Of a terminal: Chinese letters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _columns(text))


def _latex(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    first, *others = (" & ".join(map(_escaped, row)) + r" \\" for row in (header, *rows))
    begin = [r"\begin{table}", r"\centering", rf"\caption{{{_escaped(title)}}}"]
    body = [
        rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
        r"\toprule",
        first,
        r"\midrule",
        *others,
        r"\bottomrule",
    ]
    return "\n".join([*begin, *body, r"\end{tabular}", r"\end{table}", ""])


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(char, char) for char in text)
