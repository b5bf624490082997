"""What the figures share: a canvas of panels side by side, and the PNG file."""

import os

from strtf.errors import StrtfError
from strtf.run_dir import replacing


def panels(count: int, flag: str):
    """(matplotlib figure, its `count` axes in a row) for the picture that a flag asked for.

    Raises:
        StrtfError: no matplotlib.
    """
    try:
        from matplotlib.figure import Figure  # without pyplot: no display, nothing global
    except ImportError as error:
        raise StrtfError(
            f"{flag} must have matplotlib to draw with. Received: no such package. Install strtf[tables]."
        ) from error
    figure = Figure(figsize=(5.0 * count, 4.2), layout="constrained")
    return figure, figure.subplots(1, count)


def write_png(figure, path: str | os.PathLike) -> None:
    """Writes the picture beside its place and renames it."""
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=150)
