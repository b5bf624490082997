"""The capitals of a token, kept beside its id where lower-casing takes them away.

A vocabulary without capitals reads "May" and "may", "AS" and "as" as one. What is lost is one of few cases, and a token
id has room for it: id = case · (size of the vocabulary) + id of the vocabulary. Whatever carries token ids carries it
along, and ids of no capitals are the vocabulary's own. `layers/case_embedding.py` takes the two apart again.
"""

import numpy as np

NO_CAPITALS, INITIAL, ALL_CAPITALS, MIXED = range(4)
NUM_CASES = 4


def letter_case(surface: str) -> int:
    """Which of the cases a token's characters are; one capital alone is INITIAL.

    >>> [letter_case(token) for token in ("may", "May", "M", "MRI", "pH", "30")]
    [0, 1, 1, 2, 3, 0]
    """
    if not any(map(_is_capital, surface)):
        return NO_CAPITALS
    if len(surface) > 1 and surface.isupper():
        return ALL_CAPITALS
    return INITIAL if _is_capital(surface[0]) and not any(map(_is_capital, surface[1:])) else MIXED


def code_point_cases(num_code_points: int) -> np.ndarray:
    """int32 [num_code_points]: `letter_case` of each character."""
    return np.fromiter((_is_capital(chr(c)) for c in range(num_code_points)), np.int32, num_code_points) * INITIAL


def _is_capital(char: str) -> bool:
    return char.isupper() or char.istitle()
