"""Progress bars with an ETA on standard error: lively on a terminal, a line now and then in a log."""

import sys

import tqdm


def progress(total: int | None, description: str, unit: str, initial: int = 0, hidden: bool = False,
             scale: bool = False) -> tqdm.tqdm:  # fmt: skip
    """A bar to be used as a context manager; `update(n)` advances it.

    Args:
        hidden: nothing is shown.
        scale: thousands as k, M, G.
    """
    interval = 0.5 if sys.stderr.isatty() else 20.0
    return tqdm.tqdm(
        total=total, desc=description, unit=unit, initial=initial, mininterval=interval, maxinterval=interval,
        dynamic_ncols=True, smoothing=0.1, disable=hidden, unit_scale=scale,
    )  # fmt: skip
