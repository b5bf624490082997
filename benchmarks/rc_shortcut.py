"""Relation pass, dense against exact, beside the NER forward: python -m benchmarks.rc_shortcut --json=FILE"""

import dataclasses
import itertools

from absl import flags

from benchmarks.entry import choice_list, number_list, run
from strtf.config import RcMask
from strtf.errors import StrtfError
from strtf.progress import progress

ENCODERS = ("zh_small", "bert_base", "tiny")  # of benchmarks/models.py, which imports Keras
MASKS = tuple(mask.value for mask in RcMask)
COLUMNS = (
    "mask", "num_task_blocks", "length", "pairs", "encoder", "dense_ms", "exact_ms", "ratio", "ner_ms", "rc_over_ner",
    "max_abs_diff", "dense_pairs_run", "dense_time_spread", "exact_time_spread",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, order=True)
class Group:
    """Settings that share an NER forward, and so are timed in one loop."""

    encoder: str
    num_task_blocks: int
    length: int
    masks: tuple[str, ...]
    pairs: tuple[int, ...]

    @property
    def num_rows(self) -> int:
        return len(self.masks) * len(self.pairs)


def define_flags(values: flags.FlagValues) -> None:
    def numbers(name, default, help):
        flags.DEFINE_list(name, default, help, flag_values=values)

    numbers("masks", list(MASKS), "MASK_rc: pair_focused is Eq. (14), cls_focused Eq. (13).")
    numbers("num_task_blocks", ["1", "2", "4", "6", "12"], "K.")
    numbers("lengths", ["64", "128", "256", "512"], "T, [CLS] and [SEP] included.")
    numbers("pairs", ["10", "45", "190"], "Pairs of each sentence.")
    numbers("encoders", list(ENCODERS[:2]), f"Among {', '.join(ENCODERS)}; weights are random.")
    flags.DEFINE_integer("attended", 9, "Tokens a pair attends to.", lower_bound=3, flag_values=values)
    flags.DEFINE_integer("batch", 1, "Sentences.", lower_bound=1, flag_values=values)
    flags.DEFINE_float("max_gb", 4.0, "A side that would need more memory takes its pairs in chunks.",
                       lower_bound=0.01, flag_values=values)  # fmt: skip
    flags.DEFINE_float("max_seconds", 10.0, "A side that would take longer is timed on fewer pairs, and scaled up.",
                       lower_bound=0.0, flag_values=values)  # fmt: skip


def groups(values: flags.FlagValues) -> list[Group]:
    """The selected settings.

    Raises:
        StrtfError: an unknown name, a bad number, entities longer than the sentence.
    """
    encoders = choice_list("encoders", values.encoders, ENCODERS)
    blocks = number_list("num_task_blocks", values.num_task_blocks)
    lengths = number_list("lengths", values.lengths)
    masks = tuple(choice_list("masks", values.masks, MASKS))
    pairs = tuple(number_list("pairs", values.pairs))
    if min(lengths) < values.attended + 2:
        raise StrtfError(
            f"--lengths must be at least {values.attended + 2}, --attended and two more. Received: {min(lengths)}."
        )
    return [Group(*group, masks, pairs) for group in itertools.product(encoders, blocks, lengths)]


def measure(values: flags.FlagValues, peak) -> list[dict]:
    from benchmarks.harness import Effort
    from benchmarks.rc_rows import GroupTimer, Limits

    limits, effort = Limits(values.max_gb, values.max_seconds), Effort(values.seconds, values.repeats)
    selected, rows = groups(values), []
    with progress(sum(group.num_rows for group in selected), "rc_shortcut", "row") as bar:
        for _, same_model in itertools.groupby(selected, lambda group: (group.encoder, group.num_task_blocks)):
            timer = None
            for group in same_model:
                timer = timer or GroupTimer(group, values.precision, limits, effort, peak.gflops)
                rows += timer.rows(group, values.batch, values.attended)
                bar.update(group.num_rows)
    return rows


if __name__ == "__main__":
    run(define_flags, measure, COLUMNS)
