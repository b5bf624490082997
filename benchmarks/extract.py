"""Extraction, ours against the authors', peers and the machine's limit: python -m benchmarks.extract --json=FILE"""

from absl import flags

from benchmarks.entry import choice_list, number_list, run
from strtf.config import RcMask

PARTS = ("corpus", "filter", "synthetic", "utilisation")
STREAMING = ("streaming", "threads")  # these need a trained run


def define_flags(values: flags.FlagValues) -> None:
    def whole(name, default, help):
        flags.DEFINE_integer(name, default, help, lower_bound=0, flag_values=values)

    flags.DEFINE_list("parts", list(PARTS), f"Among {', '.join(PARTS + STREAMING)}; see README.md.", flag_values=values)
    flags.DEFINE_string(
        "data_dir", "angiography", "Corpus of the parts corpus and filter; its test split.", flag_values=values
    )
    flags.DEFINE_string("encoder", "checkpoints/zh_small", "Pretrained BERT of these parts.", flag_values=values)
    flags.DEFINE_integer("num_task_blocks", 4, "K of these parts.", lower_bound=1, flag_values=values)
    flags.DEFINE_enum("rc_mask", "pair_focused", [m.value for m in RcMask], "MASK_rc.", flag_values=values)
    whole("sentences", 64, "Sentences to sample for these parts (0: all).")
    whole("seed", 0, "Of the samples.")
    flags.DEFINE_integer("authors_batch_size", 16, "Examples at once.", lower_bound=1, flag_values=values)
    flags.DEFINE_float("authors_seconds", 12.0, "The authors' side runs a sample of its examples that takes about "
                       "so long, and is scaled up.", lower_bound=0.0, flag_values=values)  # fmt: skip
    flags.DEFINE_string("size", "bert_base", "Encoder of the parts with made-up texts.", flag_values=values)
    flags.DEFINE_list("synthetic_num_task_blocks", ["4", "2"], "K of the part synthetic.", flag_values=values)
    flags.DEFINE_integer("batch", 32, "Texts of the part synthetic.", lower_bound=1, flag_values=values)
    flags.DEFINE_string("run_dir", "runs/quickstart", "Run of the parts streaming and threads.", flag_values=values)
    flags.DEFINE_integer("documents", 300, "Of these parts.", lower_bound=1, flag_values=values)
    flags.DEFINE_boolean("jit_compile", True, "Time XLA too in the part streaming.", flag_values=values)


def measure(values: flags.FlagValues, peak) -> list[dict]:
    parts = choice_list("parts", values.parts, PARTS + STREAMING)
    blocks = number_list("synthetic_num_task_blocks", values.synthetic_num_task_blocks)
    from benchmarks import extract_corpus, extract_synthetic
    from benchmarks.harness import Effort

    effort, rows = Effort(values.seconds, values.repeats), []
    if "corpus" in parts or "filter" in parts:
        opened = extract_corpus.open_for_extraction(corpus_experiment(values), values.sentences, values.seed)
        if "corpus" in parts:
            budget = extract_corpus.Budget(values.authors_batch_size, values.authors_seconds, peak.gflops)
            rows.append(extract_corpus.corpus_row(opened, budget, effort))
        if "filter" in parts:
            rows += extract_corpus.filter_rows(opened, effort)
    if "synthetic" in parts:
        for number in blocks:
            rows += extract_synthetic.synthetic_rows(values.size, number, values.batch, values.precision, effort)
    if "utilisation" in parts:
        rows.append(extract_synthetic.utilisation_row(values.size, values.precision, peak, effort))
    if set(STREAMING) & set(parts):
        rows += streaming_rows(values, parts, effort, peak)
    return rows


def streaming_rows(values: flags.FlagValues, parts: list[str], effort, peak) -> list[dict]:
    from benchmarks import extract_streaming

    wanted = extract_streaming.Wanted("streaming" in parts, values.jit_compile, "threads" in parts)
    return extract_streaming.streaming_rows(values.run_dir, values.documents, wanted, values.seed, effort, peak)


def corpus_experiment(values: flags.FlagValues):
    from benchmarks.models import paper_options
    from strtf.config import DataOptions, Experiment, Precision, TrainingOptions

    model = paper_options(values.num_task_blocks, values.rc_mask, encoder=values.encoder)
    training = TrainingOptions(precision=Precision(values.precision))
    return Experiment(DataOptions(data_dir=values.data_dir), model, training)


if __name__ == "__main__":
    run(define_flags, measure)
