"""Peak memory of a report with thousands of pairs, in a fresh process: python -m benchmarks.memory --json=FILE"""

from absl import flags

from benchmarks.entry import choice_list, run
from strtf.config import RcMask

TASKS = ("extract", "train", "train_all_pairs")
TARGETS_GB = {"extract": 4.0, "train": 12.0, "train_all_pairs": 12.0}


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_list("tasks", list(TASKS), f"Among {', '.join(TASKS)}; see README.md.", flag_values=values)
    flags.DEFINE_string("size", "bert_base", "Encoder, with random weights.", flag_values=values)
    flags.DEFINE_integer("num_task_blocks", 4, "K.", lower_bound=1, flag_values=values)
    flags.DEFINE_enum("rc_mask", "pair_focused", [m.value for m in RcMask], "MASK_rc.", flag_values=values)
    flags.DEFINE_integer("length", 512, "Tokens of the report.", lower_bound=8, flag_values=values)
    flags.DEFINE_integer("entities", 92, "Entities of the report.", lower_bound=2, flag_values=values)
    flags.DEFINE_integer("entity_tokens", 4, "Tokens of an entity.", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("rc_memory_mb", 512, "As of the product.", lower_bound=16, flag_values=values)
    flags.DEFINE_float("limit_gb", 16.0, "A process that needs more is ended.", lower_bound=1.0, flag_values=values)


def measure(values: flags.FlagValues, peak) -> list[dict]:
    from benchmarks.memory_watch import watched
    from strtf.progress import progress

    names = ("size", "num_task_blocks", "rc_mask", "length", "entities", "entity_tokens", "rc_memory_mb", "precision")
    case, rows = {name: values[name].value for name in names}, []
    tasks = choice_list("tasks", values.tasks, TASKS)
    with progress(len(tasks), "memory", "process") as bar:
        for task in tasks:
            rows.append(
                {"task": task, **watched(case | {"task": task}, values.limit_gb), "target_gb": TARGETS_GB[task]}
            )
            bar.update()
    return rows


if __name__ == "__main__":
    run(define_flags, measure)
