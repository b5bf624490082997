"""K × mask, table V drawn: F1 of both tasks over K, a line for each mask, ours beside the paper's."""

import os

import pandas as pd

from strtf.errors import StrtfError
from strtf.evaluation.scores import ROWS
from strtf.reporting.drawing import panels, write_png, write_title
from strtf.reporting.paper import K_AND_MASK, TABLE_5
from strtf.run_dir import check_writable

COLORS = {13: "tab:orange", 14: "tab:blue"}  # by equation
ASIDE = {13: -0.08, 14: 0.08}  # so that the two masks' error bars stand beside each other


def points(frame: pd.DataFrame, score: str, equation: int, column: str) -> pd.DataFrame:
    """F1 over K for one mask: columns k, y and sd, by K; rows without a number are left out."""
    lines = frame[(frame["score"] == score) & (frame["metric"] == "f1") & frame["row"].isin(K_AND_MASK)]
    places = [K_AND_MASK[row] for row in lines["row"]]
    found = pd.DataFrame({"k": [k for k, _ in places], "equation": [e for _, e in places],
                          "y": lines[column].to_list(), "sd": lines["sd"].to_list()})  # fmt: skip
    found = found[(found["equation"] == equation) & found["y"].notna()]
    return found[["k", "y", "sd"]].sort_values("k").reset_index(drop=True)


def draw(frame: pd.DataFrame, corpus: str, path: str | os.PathLike) -> None:
    """Draws table V's `measurements` into a PNG.

    Raises:
        StrtfError: nothing measured; a path that cannot be written; no matplotlib.
    """
    check_writable(path)
    if all(points(frame, score, equation, "mean").empty for score in TABLE_5.scores for equation in COLORS):
        raise StrtfError(
            f"--figure must have results to draw. Received: none of {TABLE_5.folder}. Train its rows first."
        )
    figure, axes = panels(len(TABLE_5.scores), "--figure")
    ticks = sorted({k for k, _ in K_AND_MASK.values()})
    for axis, score in zip(axes, TABLE_5.scores, strict=True):
        for equation, color in COLORS.items():
            _lines(axis, frame, score, equation, color)
        axis.set(title=ROWS[score], xlabel="K, the last blocks that run per task", ylabel="F1, percent", xticks=ticks)
        axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize="small")
    write_title(figure, f"K and MASK_rc on {corpus}, test split, mean ± standard deviation over seeds")
    write_png(figure, path)


def _lines(axis, frame: pd.DataFrame, score: str, equation: int, color: str) -> None:
    ours, paper = (points(frame, score, equation, column) for column in ("mean", "paper"))
    name = f"Eq. ({equation})"
    x, sd = ours["k"] + ASIDE[equation], ours["sd"].fillna(0.0)
    axis.errorbar(x, ours["y"], sd, fmt="o-", color=color, capsize=3, label=f"{name}, ours")
    axis.plot(paper["k"], paper["y"], "s:", color=color, alpha=0.4, label=f"{name}, the paper on its own corpus")
