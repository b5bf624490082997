"""A BERT vocabulary: one token a line, its id the line's index from 0."""

import dataclasses
import functools
import pathlib

from strtf.errors import DataError, StrtfError

PAD, UNK, CLS, SEP, MASK = SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The tokens of a pretrained encoder, in the order of its word embeddings.

    Attributes:
        tokens: distinct strings; a token's index is its id.
        source: where the tokens were read, for error messages.

    Raises:
        StrtfError: no tokens, a token twice, or one of [PAD] [UNK] [CLS] [SEP] [MASK] missing.
    """

    tokens: tuple[str, ...]
    source: str = dataclasses.field(default="vocabulary", compare=False, repr=False)

    def __post_init__(self):
        if not self.tokens:
            raise StrtfError(
                f"{self.source} must hold one token a line. Received: an empty file. "
                "Give the vocab.txt that came with the pretrained encoder."
            )
        self._check_distinct()
        missing = [token for token in SPECIAL_TOKENS if token not in self]
        if missing:
            raise StrtfError(
                f"{self.source} must hold {' '.join(SPECIAL_TOKENS)}. Received: a vocabulary without "
                f"{' '.join(missing)}. Give the vocab.txt of a BERT encoder."
            )

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "Vocabulary":
        """Reads `vocab.txt` (UTF-8, "\\n" or "\\r\\n", with or without a final newline)."""
        try:
            text = pathlib.Path(path).read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise StrtfError(
                f"The vocabulary must be a readable file. Received: {path} ({error.strerror}). "
                "Give the path of the encoder's vocab.txt."
            ) from error
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise DataError(f"{path}:{line}", "vocabulary must be UTF-8. Convert the file to UTF-8.") from error
        # Not splitlines(): Google's Chinese vocabulary has tokens made of U+2028, a "line separator".
        # Blank lines at the end are an editor's, not tokens.
        lines = text.replace("\r\n", "\n").rstrip("\n")
        return cls(tuple(lines.split("\n")) if lines else (), str(path))

    def save(self, path: str | pathlib.Path) -> None:
        """Writes a file that `load` reads back as an equal vocabulary."""
        pathlib.Path(path).write_bytes("".join(token + "\n" for token in self.tokens).encode())

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self.ids

    def id(self, token: str) -> int:
        """The token's id, or [UNK]'s for a token outside the vocabulary."""
        return self.ids.get(token, self.unk_id)

    @functools.cached_property
    def ids(self) -> dict[str, int]:
        return {token: index for index, token in enumerate(self.tokens)}

    @property
    def pad_id(self) -> int:
        return self.ids[PAD]

    @property
    def unk_id(self) -> int:
        return self.ids[UNK]

    @property
    def cls_id(self) -> int:
        return self.ids[CLS]

    @property
    def sep_id(self) -> int:
        return self.ids[SEP]

    @property
    def mask_id(self) -> int:
        return self.ids[MASK]

    def _check_distinct(self) -> None:
        first_line = {}
        for line, token in enumerate(self.tokens, start=1):
            first = first_line.setdefault(token, line)
            if first != line:
                raise DataError(
                    f"{self.source}:{line}",
                    f"vocabulary tokens must be distinct. Received: {token!r} on lines {first} and {line}. "
                    "Give the unchanged vocab.txt of the encoder: ids are line numbers.",
                )
