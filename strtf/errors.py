"""Errors a user can mend. Entries print them as one line and exit with code 1."""


class StrtfError(Exception):
    """A mistake in flags, files or checkpoints; its text says what, where and how to mend it."""


class DataError(StrtfError):
    """A mistake in a data file. The message begins with `where`, `path:line`; `reason` is what follows."""

    def __init__(self, where: str, reason: str):
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason
