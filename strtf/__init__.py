"""Joint entity and relation extraction from clinical text: the focused attention model of Xue et al. (BIBM 2019)."""

__version__ = "0.1.0"


def load(run_dir, precision=None):
    """A trained run as a function of texts: `strtf.load("runs/mine")(["…"])`. See `strtf.extraction.pipeline`."""
    # here, so that `import strtf` brings no backend with it
    from strtf.quiet import start_backend

    start_backend()
    from strtf.extraction.pipeline import load_pipeline

    return load_pipeline(run_dir, precision)
