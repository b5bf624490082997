"""What must be reached, beside what was measured: python -m benchmarks.claims --out=benchmarks/results"""

import dataclasses
import pathlib

import pandas as pd
from absl import flags

from strtf.errors import StrtfError
from strtf.flags import run
from strtf.run_dir import read_json


@dataclasses.dataclass(frozen=True)
class Claim:
    """A figure of one row.

    Attributes:
        what: for the reader.
        file: of the results, without its ending.
        where: values that name the row.
        figure: its key.
        at_least, at_most: the bound.
    """

    what: str
    file: str
    where: dict
    figure: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def bound(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_most is None else f"≤ {self.at_most:g}"

    def holds(self, value: float) -> bool:
        return value >= self.at_least if self.at_most is None else value <= self.at_most


def _per_core(length: int, entities: int, blocks: int, pair_filter: str, at_least: float) -> Claim:
    where = {"length": length, "entities": entities, "num_task_blocks": blocks, "pair_filter": pair_filter}
    what = f"sentences per core-second, {length} tokens, {entities} entities, K = {blocks}, {pair_filter}"
    return Claim(what, "extract_synthetic", where, "sentences_per_core_second", at_least)


CLAIMS = (
    Claim("Eq. (14), K = 4: dense over exact", "rc_claims_14", {}, "ratio", 18),
    Claim("Eq. (14), K = 4: relation pass over NER", "rc_claims_14", {}, "rc_over_ner", at_most=0.65),
    Claim("Eq. (13), K = 2: dense over exact", "rc_claims_13", {"num_task_blocks": 2}, "ratio", 20),
    Claim("Eq. (13), K = 4: dense over exact", "rc_claims_13", {"num_task_blocks": 4}, "ratio", 3),
    Claim("training step, literature_zh: authors' over ours", "train_step", {}, "ratio", 8),
    Claim("extraction, diakg_flat: authors' over ours", "extract_corpus", {}, "ratio", 25),
    *(_per_core(32, 8, blocks, "all", 9) for blocks in (4, 2)),
    *(_per_core(128, 8, blocks, "all", 3.3) for blocks in (4, 2)),
    *(_per_core(32, 16, blocks, "seen_types", 7) for blocks in (4, 2)),
    Claim("extraction's share of the matrix product peak", "extract_utilisation", {}, "share_of_peak", 0.7),
    Claim("peak memory of extraction, GiB", "memory", {"task": "extract"}, "peak_gb", at_most=4),
    Claim("peak memory of a training step, GiB", "memory", {"task": "train"}, "peak_gb", at_most=12),
    Claim("the same, all 4,186 pairs kept", "memory", {"task": "train_all_pairs"}, "peak_gb", at_most=12),
)


def print_claims(out: pathlib.Path) -> None:
    print(pd.DataFrame([claim_row(claim, out) for claim in CLAIMS]).to_string(index=False))


def claim_row(claim: Claim, out: pathlib.Path) -> dict:
    value = measured(claim, out)
    shown, verdict = ("-", "not measured") if value is None else (f"{value:.3g}", _verdict(claim, value))
    return {"claim": claim.what, "must be": claim.bound, "measured": shown, "": verdict}


def measured(claim: Claim, out: pathlib.Path) -> float | None:
    """The figure, or None where its file is not there.

    Raises:
        StrtfError: the file has not exactly one such row with a number.
    """
    path = out / f"{claim.file}.json"
    if not path.exists():
        return None
    rows = [row for row in _rows(path) if claim.where.items() <= row.items()]
    if len(rows) != 1:
        raise StrtfError(f"{path} must hold one row with {claim.where}. Received: {len(rows)}. Remove it, run again.")
    value = rows[0].get(claim.figure)
    if type(value) not in (int, float):
        raise StrtfError(f"{path} must hold a number as {claim.figure}. Received: {value!r}. Remove it, run again.")
    return value


def _rows(path: pathlib.Path) -> list[dict]:
    values = read_json(path)
    rows = values.get("rows") if isinstance(values, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise StrtfError(f"{path} must be a benchmark's results. Received: no rows. Remove it, run again.")
    return rows


def _verdict(claim: Claim, value: float) -> str:
    return "reached" if claim.holds(value) else "MISSED"


def main() -> None:
    out = pathlib.Path(flags.FLAGS.out)
    if not out.is_dir():
        raise StrtfError(
            f"--out must be a directory of results. Received: {out}. `python -m benchmarks.all` fills one."
        )
    print_claims(out)


if __name__ == "__main__":
    flags.DEFINE_string("out", "benchmarks/results", "Directory of the JSON files.")
    run(main)
