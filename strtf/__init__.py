"""Joint entity and relation extraction from clinical text: the focused attention model of Xue et al. (BIBM 2019)."""

__version__ = "0.1.0"
