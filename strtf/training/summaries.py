"""TensorBoard: scalars of steps and epochs, whichever backend computed them."""

import tensorboardX


class Summaries:
    """Writes scalars under a directory; use as a context manager.

    Args:
        directory: of the event files.
        first_step: of those to come; TensorBoard hides what an interrupted run wrote from there on.
    """

    def __init__(self, directory, first_step: int):
        self._writer = tensorboardX.SummaryWriter(str(directory), purge_step=first_step, write_to_disk=True)

    def write(self, step: int, scalars: dict[str, float], prefix: str) -> None:
        for name, value in scalars.items():
            self._writer.add_scalar(f"{prefix}/{name}", value, step)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._writer.close()
