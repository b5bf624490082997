"""What the figures share: a canvas of panels side by side, its title, and the PNG file."""

import os
import warnings

from strtf.errors import StrtfError
from strtf.run_dir import replacing

# Fonts with Chinese letters: of Linux, Windows, macOS.
CJK_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "Droid Sans Fallback", "Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB",
    "Arial Unicode MS",
)  # fmt: skip


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


def write_title(figure, text: str) -> None:
    """Above all panels, as it stands: a name's `$` begins no formula, and letters may be Chinese."""
    from matplotlib import font_manager, rcParams

    installed = set(font_manager.get_font_names())
    # a letter is taken from the first that has it
    fonts = [*rcParams["font.family"], *(font for font in CJK_FONTS if font in installed)]
    figure.suptitle(text, fontfamily=fonts, parse_math=False)


def write_png(figure, path: str | os.PathLike) -> None:
    """Writes the picture beside its place and renames it."""
    with replacing(path) as partial, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # no font has it, and its place shows a box
        figure.savefig(partial, format="png", dpi=150)
