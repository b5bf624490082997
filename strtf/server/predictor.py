"""From a request's inputs to its outputs, whatever protocol they came by: which version, checks, the queue."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import Executor

import numpy as np
import tensorflow as tf

from strtf.config import ServerOptions
from strtf.server.batching import Arrays, Room
from strtf.server.saved_model import DEFAULT_SIGNATURE, Signature
from strtf.server.status import ServingError, check_rows, invalid, shown
from strtf.server.versions import Serving, Versions


class Predictor:
    """Answers requests with the versions of one model.

    Attributes:
        versions: what is loaded.
        max_elements: of one input.
    """

    def __init__(self, versions: Versions, executor: Executor, options: ServerOptions):
        self.versions, self._executor, self._options = versions, executor, options
        self.max_elements = 1024 * options.max_body_kb
        self.texts = Room(options.max_queued_texts, "the queue")
        self.bytes = Room(options.max_pending_mb << 20, "the memory for requests")

    def find(self, name: str, version: int | None, label: str) -> Serving:
        """Raises ServingError where the model, version or label is not served."""
        if name != self.versions.name:
            wanted = f"Latest({shown(name)})" if version is None else f"Specific({shown(name)}, {version})"
            raise ServingError("NOT_FOUND", f"Servable not found for request: {wanted}")
        return self.versions.find(version, label)

    async def predict(self, serving: Serving, signature_name: str, inputs: Arrays, only: Iterable[str] = ()) -> Arrays:
        """The signature's outputs.

        Args:
            inputs: every input of the signature.
            only: the outputs to return, TF Serving's `output_filter`; all when empty.

        Raises:
            ServingError: inputs that do not fit, too many of them, a full queue, a model that fails on them.
        """
        name = signature_name or DEFAULT_SIGNATURE
        if name not in serving.model.signatures:
            raise ServingError("FAILED_PRECONDITION", f'Serving signature key "{shown(name)}" not found.')
        signature = serving.model.signatures[name]
        wanted = _wanted(signature, list(only))
        self._check(signature, inputs)
        # without any it still is a call of the model
        rows = max(len(next(iter(inputs.values()))), 1) if signature.can_batch else 1
        self.texts.take(rows)
        try:
            with serving.in_use():
                outputs = await self._call(serving, name, inputs)
        except tf.errors.InvalidArgumentError as error:  # its message quotes values
            raise invalid("The model refuses these inputs: InvalidArgumentError.") from error
        finally:
            self.texts.give_back(rows)
        outputs = _without_padding(outputs)
        return {output: outputs[output] for output in wanted}

    async def _call(self, serving: Serving, name: str, inputs: Arrays) -> Arrays:
        if name in serving.batchers and all(len(value) for value in inputs.values()):
            return await serving.batchers[name].submit(inputs)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, serving.model.call, name, inputs)

    def _check(self, signature: Signature, inputs: Arrays) -> None:
        missing, extra = signature.inputs.keys() - inputs.keys(), inputs.keys() - signature.inputs.keys()
        if missing or extra:
            raise invalid(
                f"input size does not match signature: {len(inputs)}!={len(signature.inputs)}. Sent extra: "
                f"{{{','.join(map(shown, sorted(extra)))}}}. Missing but required: {{{','.join(sorted(missing))}}}."
            )
        for name, value in inputs.items():
            info = signature.inputs[name]
            dtype = tf.string if value.dtype == object else tf.as_dtype(value.dtype)
            if dtype != info.dtype:
                raise invalid(f"Expects {name} to be {info.dtype.name} but {dtype.name} is provided")
            if not info.fits(value.shape):
                raise invalid(
                    f"Expects {name} to be of shape {_shape(info.shape)} but {_shape(value.shape)} is provided"
                )
        if signature.can_batch:
            self._check_rows(inputs)

    def _check_rows(self, inputs: Arrays) -> None:
        counts = {len(value) for value in inputs.values()}
        if len(counts) > 1:
            raise invalid(f"Inputs must have the same number of rows. Received: {sorted(counts)}.")
        check_rows(max(counts), self._options.max_texts)
        if "text" in inputs and inputs["text"].dtype == object:
            _check_utf8(inputs["text"])


def _check_utf8(texts: np.ndarray) -> None:
    """Offsets count code points, of which other bytes have none."""
    for number, text in enumerate(texts.ravel()):
        try:
            text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise invalid(f"text must be UTF-8. Text {number} (from 0) is not, at byte {error.start}.") from None


def _without_padding(outputs: Arrays) -> Arrays:
    """Cuts `entity_*`, `relation_*` and their like to the largest `entity_count`, … of these rows, and at least to 1.

    A batch is padded to its largest text, which may be another request's: an answer's size, and what is in it, must
    not depend on who asks at the same time. Outputs without such a count stay as they are.
    """
    found = dict(outputs)
    for name, count in outputs.items():
        kind = name.removesuffix("count")
        if not name.endswith("_count") or count.ndim != 1 or count.dtype.kind not in "iu":
            continue
        size = int(count.max(initial=1))
        for other, value in outputs.items():
            if other.startswith(kind) and value.ndim == 2:
                found[other] = value[:, :size]
    return found


def _wanted(signature: Signature, only: list[str]) -> list[str]:
    for name in only:
        if name not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {shown(name)} Outputs expected to be in the set "
                f"{{{','.join(signature.outputs)}}}."
            )
    if len(set(only)) < len(only):
        raise invalid("duplicate output tensor alias")
    return only or list(signature.outputs)


def _shape(sizes) -> str:
    return "[" + ",".join("?" if size is None else str(size) for size in sizes) + "]"
