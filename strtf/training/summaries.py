"""TensorBoard: scalars of steps and epochs, whichever backend computed them."""

import tensorboardX


class Summaries:
    """Writes scalars under a directory; use as a context manager."""

    def __init__(self, directory):
        self._writer = tensorboardX.SummaryWriter(str(directory), write_to_disk=True)

    def write(self, step: int, scalars: dict[str, float], prefix: str) -> None:
        for name, value in scalars.items():
            self._writer.add_scalar(f"{prefix}/{name}", value, step)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._writer.close()
