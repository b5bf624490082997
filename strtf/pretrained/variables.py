"""From the variables of a foreign checkpoint to ours: names by a table, query, key and value side by side."""

import re
from collections.abc import Iterable

import numpy as np

from strtf.errors import StrtfError

_LISTED = 10
_QKV = ("query", "key", "value")
_QKV_PART = re.compile(rf"(block_\d+)/(?:{'|'.join(_QKV)})_(kernel|bias)")
_FLOATS = ("float16", "bfloat16", "float32", "float64")


def listing(items: Iterable[str]) -> str:
    """The first ten and the count of the rest."""
    items = list(items)
    rest = f" and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
    return ", ".join(items[:_LISTED]) + rest


def translate(names: Iterable[str], table: dict[str, str], unused: tuple[str, ...], source: str):
    """Finds our name for each foreign one.

    Args:
        names: all variables of the checkpoint.
        table: regular expression -> our name, a format string over the named groups. The group `layer`,
            counted from 0, becomes `block` as our blocks are named, from 1.
        unused: regular expressions of variables that an encoder without heads has no use for.
        source: the checkpoint, for error messages.

    Returns:
        ({our name: foreign name}, skipped foreign names). Ours are the encoder's variable names, except that
        query, key and value are still apart: "block_01/query_kernel"; `pack_qkv` joins them.

    Raises:
        StrtfError: a variable that is in neither list, or two variables for one of ours.
    """
    found, skipped, unknown = {}, [], []
    for name in sorted(names):
        ours = _our_name(name, table)
        if ours in found:
            raise StrtfError(
                f"{source} must hold one variable for {ours}. Received: {found[ours]} and {name}. "
                "Save the encoder again, without copies."
            )
        if ours:
            found[ours] = name
        elif any(re.fullmatch(pattern, name) for pattern in unused):
            skipped.append(name)
        else:
            unknown.append(name)
    if unknown:
        raise StrtfError(
            f"{source} must hold the variables of a BERT and its pretraining heads only. "
            f"Received: {listing(unknown)}. Save the encoder without them: what they do would be lost here."
        )
    return found, tuple(skipped)


def _our_name(name, table):
    for pattern, ours in table.items():
        if match := re.fullmatch(pattern, name):
            groups = match.groupdict()
            block = f"block_{int(groups['layer']) + 1:02d}" if "layer" in groups else ""
            return ours.format(block=block, **groups)
    return None


def to_float32(array: np.ndarray, name: str, source: str) -> np.ndarray:
    """The same values in float32. Raises StrtfError for integers: quantised weights need their scales."""
    if array.dtype.name not in _FLOATS:
        raise StrtfError(
            f"{name} in {source} must be one of {', '.join(_FLOATS)}. Received: {array.dtype.name}. "
            "Give the weights as they were before quantisation."
        )
    return array.astype(np.float32)


def pack_qkv(parts: dict[str, np.ndarray], source: str) -> dict[str, np.ndarray]:
    """Puts query | key | value side by side: 3 times [D, D] -> qkv_kernel [D, 3D], [D] -> qkv_bias [3D].

    Raises:
        StrtfError: one of the three is missing, or of another shape than the others.
    """
    matches = {name: _QKV_PART.fullmatch(name) for name in parts}
    weights = {name: parts[name] for name, match in matches.items() if not match}
    for block, kind in sorted({match.groups() for match in matches.values() if match}):
        names = [f"{block}/{part}_{kind}" for part in _QKV]
        shapes = {name: parts[name].shape if name in parts else "missing" for name in names}
        if "missing" in shapes.values() or len(set(shapes.values())) > 1:
            received = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise StrtfError(
                f"{source} must hold query, key and value of one shape. Received: {received}. "
                "Take the complete checkpoint."
            )
        weights[f"{block}/qkv_{kind}"] = np.concatenate([parts[name] for name in names], axis=-1)
    return weights
