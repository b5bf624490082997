"""What a text shows of a token and its id does not: capitals, white space, and whether white space stood before it.

A vocabulary without capitals reads "May" and "may", "AS" and "as" as one, and WordPiece drops white space, so that
"Boise." and "Boise ." are one too. What is lost is one of few forms, and a token id has room for it: id = form · (size
of the vocabulary) + id of the vocabulary. Whatever carries token ids carries the form along.
`layers/form_embedding.py` takes the two apart again.

A token that is white space, as there are in character mode, has a form of its own in every run: the encoder reads
[UNK], but no entity begins or ends there.
"""

import numpy as np

NO_CAPITALS, INITIAL, ALL_CAPITALS, MIXED = range(4)
NUM_CASES = 4
ATTACHED = NUM_CASES  # added to the case of a token with no white space before it
NUM_FORMS = 2 * NUM_CASES  # that are embedded
BLANK = NUM_FORMS


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


def code_point_forms(num_code_points: int, cases: bool) -> np.ndarray:
    """int32 [num_code_points]: the form of each character as a token: BLANK, or its case where `cases` are told."""
    chars = map(chr, range(num_code_points))
    forms = (BLANK if char.isspace() else INITIAL * (cases and _is_capital(char)) for char in chars)
    return np.fromiter(forms, np.int32, num_code_points)


def token_forms(text: str, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """int32 [n]: the forms of the tokens text[starts[i]:ends[i]]; the first token of a text is not attached."""
    cases = np.array([letter_case(text[start:end]) for start, end in zip(starts, ends, strict=True)], np.int32)
    attached = np.zeros(len(starts), np.int32)
    attached[1:] = starts[1:] <= ends[:-1]
    return cases + ATTACHED * attached


def _is_capital(char: str) -> bool:
    return char.isupper() or char.istitle()
