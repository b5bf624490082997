"""Every option of the program: its name, type, default and help live here and nowhere else.

`flags.py` turns the fields into command line flags; a run directory stores them as `config.json`.
"""

import dataclasses
import enum
from collections.abc import Iterator

from strtf.errors import StrtfError

MAX_SEED = 2**32 - 1  # numpy's


class RcMask(enum.StrEnum):
    """MASK_rc of the paper."""

    CLS_FOCUSED = "cls_focused"  # Eq. (13)
    PAIR_FOCUSED = "pair_focused"  # Eq. (14)


class RcCompute(enum.StrEnum):
    EXACT_ROWS = "exact_rows"
    DENSE = "dense"


class RcFeatures(enum.StrEnum):
    """What the pair classifier reads after the last block."""

    CLS = "cls"
    CLS_AND_ENTITIES = "cls_and_entities"


class Tasks(enum.StrEnum):
    JOINT = "joint"
    NER = "ner"
    RC = "rc"


class System(enum.StrEnum):
    """The model, each in its own file of `models/`."""

    FOCUSED_ATTENTION = "focused_attention"
    SPERT = "spert"
    JOINT_BILSTM = "joint_bilstm"
    BILSTM_CRF = "bilstm_crf"
    RDCNN = "rdcnn"
    CNN = "cnn"
    RCN = "rcn"


# The choices of `tasks` that a system has.
TASKS_OF_SYSTEM = {
    System.FOCUSED_ATTENTION: tuple(Tasks),
    System.SPERT: tuple(Tasks),
    System.JOINT_BILSTM: tuple(Tasks),
    System.BILSTM_CRF: (Tasks.NER,),
    System.RDCNN: (Tasks.NER,),
    System.CNN: (Tasks.RC,),
    System.RCN: (Tasks.RC,),
}


class Tokenization(enum.StrEnum):
    CHARACTER = "character"
    WORDPIECE = "wordpiece"


class OverlapPolicy(enum.StrEnum):
    """Which of two overlapping entities stays, or is in the layer before (`--tag_layers`).

    ERROR: the file is at fault. LONGEST: the longer, then the leftmost. OUTERMOST: entities nested in another
    go, then the leftmost stays. FIRST: the leftmost, then the longer. Of equal spans, the first in the file.
    """

    ERROR = "error"
    LONGEST = "longest"
    OUTERMOST = "outermost"
    FIRST = "first"


class Precision(enum.StrEnum):
    FLOAT32 = "float32"
    MIXED_BFLOAT16 = "mixed_bfloat16"
    MIXED_FLOAT16 = "mixed_float16"


class NegativeSampling(enum.StrEnum):
    EPOCH = "epoch"
    ONCE = "once"


class PriorCorrection(enum.StrEnum):
    """How to undo the shift of the prior that discarding negatives causes."""

    NONE = "none"
    LOGIT = "logit"
    WEIGHT = "weight"


class PairScope(enum.StrEnum):
    """Which entities can be related at all."""

    TEXT = "text"
    LINE = "line"


class PairFilter(enum.StrEnum):
    ALL = "all"
    SEEN_TYPES = "seen_types"


class Quantize(enum.StrEnum):
    """How an exported model stores its weights; its arithmetic is float32 in all cases."""

    NONE = "none"
    FLOAT16 = "float16"
    DYNAMIC_INT8 = "dynamic_int8"


class ThresholdBy(enum.StrEnum):
    """Which F1 on the development split chooses thresholds."""

    EXPECTED_F1 = "expected_f1"
    OBSERVED_F1 = "observed_f1"


class SelectBy(enum.StrEnum):
    """The development score that chooses the best epoch."""

    RC_PREDICTED = "rc_predicted"
    RC_GOLD = "rc_gold"
    NER = "ner"


def option(default, help: str, *, low=None, high=None, operational: bool = False):
    """A field with its help and bounds.

    Args:
        low, high: inclusive bounds of a number.
        operational: True where the option changes how a run is carried out and not what it computes:
            it may differ between a run and its resumption.
    """
    metadata = {"help": help, "low": low, "high": high, "operational": operational}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """A group of options; construction checks the bounds."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            _check_bounds(field, getattr(self, field.name))


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataOptions(Options):
    data_dir: str = option(
        "",
        "Directory with train, dev and test, as .jsonl, .json or brat's directories. 'angiography' names the embedded "
        "corpus.",
    )
    train_data: str = option("", "Training corpus: JSON Lines, the authors' JSON, or a directory of brat's.")
    dev_data: str = option("", "Development corpus; chooses the best epoch.")
    test_data: str = option("", "Test corpus; never used to choose anything.")
    schema: str = option("", "JSON file with the label inventory. Derived from the training split when empty.")
    overlaps: OverlapPolicy = option(
        OverlapPolicy.LONGEST, "Overlapping entities cannot have tags in one layer: stop, or which come first."
    )
    max_train_sentences: int = option(0, "Train on a random subsample of so many sentences (0: all).", low=0)
    max_dev_sentences: int = option(0, "Choose the epoch on a random subsample of so many sentences (0: all).", low=0)
    subsample_seed: int = option(
        0, "Seed of the two subsamples; apart from --seed, so that seeds share their data.", low=0, high=MAX_SEED
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelOptions(Options):
    system: System = option(
        System.FOCUSED_ATTENTION,
        "The model: the paper's (focused_attention), or one to compare it with: spert on the same pretrained encoder, "
        "joint_bilstm; bilstm_crf, rdcnn (--tasks=ner); cnn, rcn (--tasks=rc).",
    )
    encoder: str = option(
        "checkpoints/zh_small",
        "Pretrained BERT: directory of Google's or Hugging Face's files, hf://owner/name, or a keras-hub preset "
        "(bert_base_zh). Systems without a pretrained encoder take only its vocabulary.",
    )
    tasks: Tasks = option(Tasks.JOINT, "Train both tasks, only NER, or only relation classification on gold entities.")
    num_task_blocks: int = option(2, "K: the last blocks, run once per task (focused_attention). Paper: 4.", low=0)
    embedding_size: int = option(
        128, "Width of the fresh token embeddings of bilstm_crf, rdcnn, cnn, rcn and joint_bilstm.", low=1
    )
    units: int = option(
        128, "Units of each direction of those systems' LSTMs, and filters of their convolutions.", low=1
    )
    rc_mask: RcMask = option(
        RcMask.PAIR_FOCUSED, "MASK_rc of focused_attention: cls_focused is Eq. (13), pair_focused Eq. (14)."
    )
    rc_compute: RcCompute = option(
        RcCompute.EXACT_ROWS,
        "exact_rows computes only what reaches [CLS]; dense is the reference: same numbers, many times the time.",
        operational=True,
    )
    rc_features: RcFeatures = option(
        RcFeatures.CLS_AND_ENTITIES,
        "Input of focused_attention's pair classifier: [CLS] alone (the paper; always so under Eq. (13)), or [CLS] and "
        "the mean rows of both entities.",
    )
    rc_distance: bool = option(
        True,
        "Tell focused_attention's pair classifier how far apart the two entities stand; the paper does not. Rows of "
        "late blocks remember little of where they stood.",
    )
    rc_context: bool = option(
        True,
        "Show focused_attention's pair classifier what stands between the two entities: the largest values of the NER "
        "pass's rows there, as in SpERT; the paper does not. Whether another candidate stands in between decides many "
        "pairs.",
    )
    rc_types: bool = option(
        True,
        "Tell focused_attention's pair classifier the types of the two entities, found or gold; the paper does not.",
    )
    rc_rivals: bool = option(
        True,
        "Tell focused_attention's pair classifier how many entities of e1's type, and of e2's, stand between the two, "
        "found or gold; the paper does not. MASK_rc hides the others from a pair, and the nearest candidate is often "
        "the right one.",
    )
    rc_memory_mb: int = option(
        1024,
        "Pairs of a batch go through the relation pass in chunks whose activations fit about so many MiB.",
        low=16,
        operational=True,
    )
    dropout: float = option(0.1, "Dropout of embeddings, attention and hidden rows while training.", low=0.0, high=0.9)
    max_tokens: int = option(512, "Longest window, [CLS] and [SEP] included; longer texts are cut into windows.", low=8)
    window_overlap: int = option(64, "Tokens that two windows of a long text share.", low=0)
    tokenization: Tokenization = option(Tokenization.CHARACTER, "character (Chinese), or wordpiece (English).")
    lowercase: bool = option(True, "Lower-case the text first; Google's Chinese vocabulary has no capitals.")
    surface_forms: bool = option(
        True,
        "Tell the model what token ids lose: which tokens had capitals, where --lowercase takes them away, and, with "
        "wordpiece, which had no white space before them; the paper does not.",
    )
    tag_layers: int = option(
        1,
        "Sequences of tags: entities that overlap are spread over so many, and what no layer holds is lost (paper: 1). "
        "Annotation with entities inside entities mostly wants 2.",
        low=1,
        high=8,
    )
    legal_decoding: bool = option(True, "Restrict Viterbi decoding to legal BIEOS transitions.")
    pair_filter: PairFilter = option(
        PairFilter.ALL, "seen_types scores only pairs whose two entity types the training split relates."
    )
    pair_scope: PairScope = option(
        PairScope.TEXT,
        "line: only entities of one line of a text can be related, while the tagger reads the lines around it. For "
        "reports of a finding a line, and sentences put together (strtf.convert --join).",
    )
    min_probability: float = option(
        0.0,
        "Of a trained run: find only entities and relations that are at least so probable (0: all that the thresholds "
        "of the development split keep). More of it is right, and more is missed.",
        low=0.0,
        high=1.0,
    )

    @property
    def tells_forms(self) -> bool:
        return self.surface_forms and (self.lowercase or self.tokenization is Tokenization.WORDPIECE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingOptions(Options):
    initial_run: str = option(
        "",
        "A trained run whose weights this one begins with: all of them where the labels are the same (--schema can "
        "keep them so), else its encoder's.",
    )
    seed: int = option(0, "Seed of initial weights, data order, dropout and negative sampling.", low=0, high=MAX_SEED)
    epochs: int = option(10, "Passes over the training split.", low=1)
    batch_size: int = option(8, "Sentences per step.", low=1)
    learning_rate: float = option(1e-4, "Peak learning rate of the pretrained encoder.", low=0.0)
    head_learning_rate: float = option(
        1e-3, "Peak learning rate of all that is not pretrained: CRF, classifiers, whole systems.", low=0.0
    )
    task_block_learning_rate: float = option(
        0.0,
        "Peak learning rate of the encoder's last K blocks, which both tasks run (0: as --learning_rate). Systems "
        "without such blocks ignore it.",
        low=0.0,
    )
    weight_decay: float = option(0.01, "AdamW's decay; biases and LayerNorm are spared.", low=0.0)
    warmup: float = option(
        0.1, "Share of all steps with a rising learning rate; it falls to 0 afterwards.", low=0.0, high=1.0
    )
    clip_norm: float = option(1.0, "Clip gradients to this global norm (0: never).", low=0.0)
    ema_decay: float = option(
        0.0,
        "Decay of an exponential moving average of the weights, which is scored and kept in place of the last ones "
        "(0: no average; the paper). After n steps it is n / (9 + n) at most.",
        low=0.0,
        high=0.99999,
    )
    fgm_epsilon: float = option(
        0.0,
        "Adversarial training by the fast gradient method: also learn with the table of word embeddings moved so far "
        "along its gradient (0: not). One more forward and backward pass a step.",
        low=0.0,
    )
    rc_loss_weight: float = option(
        30.0, "Weight of L_rc beside L_ner (paper: 1). L_ner sums over a sentence's tokens, L_rc is a mean.", low=0.0
    )
    rc_gradient_share: float = option(
        0.0,
        "Balance the tasks where both are trained: --clip_norm is for the gradient of each, at the encoded sentence "
        "and in its own layers, and L_rc's then counts so many times (0: the losses are added, and all is clipped "
        "together; the paper). At first L_ner's is many times as long, and what clips it takes L_rc's with it.",
        low=0.0,
    )
    rdrop_weight: float = option(
        0.0,
        "R-Drop on relations: classify each pair twice under different dropout, and add so many times the divergence "
        "of the two answers to the loss (0: classify once). Tags, and the blocks before the last K, run once. With "
        "--dropout=0 the two do not differ.",
        low=0.0,
    )
    negative_keep: float = option(
        0.3, "Probability that a 'No relation' pair is trained on (paper: 0.15).", low=0.0, high=1.0
    )
    negative_sampling: NegativeSampling = option(
        NegativeSampling.EPOCH, "Draw the kept negatives anew each epoch, or once."
    )
    token_masking: float = option(
        0.0,
        "Probability that training hides a token behind [MASK], its tag and its relations as they were (0: never). "
        "Drawn anew each epoch.",
        low=0.0,
        high=1.0,
    )
    boundary_negatives: float = option(
        0.0,
        "Probability that a related pair also comes with a wrong boundary, as 'No relation': one of its spans begins "
        "or ends a token or two off. Drawn anew each epoch; never discarded.",
        low=0.0,
        high=1.0,
    )
    prior_correction: PriorCorrection = option(
        PriorCorrection.LOGIT,
        "Undo the prior shift of discarded negatives: logit corrects 'No relation' by -log(negative_keep) "
        "outside training, weight trains kept negatives with weight 1/negative_keep, none is the paper.",
    )
    calibrate: bool = option(
        True,
        "Set the probabilities right on the development split, after each epoch, and have a relation's count its "
        "entities' too; off: the CRF's marginal and the relation's own (the paper).",
    )
    tune_threshold: bool = option(
        True,
        "Choose the probability that a relation must have by development F1, after each epoch; "
        "off: the most probable class (the paper).",
    )
    tune_entity_threshold: bool = option(
        True,
        "Choose by development F1, after each epoch, what is added to every entity's score, and the probability that "
        "one must have; off: all entities of the best tagging (the paper).",
    )
    threshold_by: ThresholdBy = option(
        ThresholdBy.EXPECTED_F1,
        "The development F1 that chooses thresholds: the one that calibrated probabilities lead to expect, which hangs "
        "less on single answers of a small split, or that observed; without --calibrate it is that observed.",
    )
    precision: Precision = option(Precision.FLOAT32, "Arithmetic of the blocks; float16 scales its loss.")
    jit_compile: bool = option(
        False, "Compile with XLA: the training step, or, named for predict, the extraction.", operational=True
    )
    data_parallel: bool = option(
        False,
        "On JAX: divide each batch among all devices of the machine. The numbers are those of one device but for "
        "rounding; --batch_size must be a multiple of the devices.",
        operational=True,
    )
    select_by: SelectBy = option(SelectBy.RC_PREDICTED, "Development F1 that chooses the best epoch.")
    patience: int = option(0, "Stop after so many epochs without a better development F1 (0: never).", low=0)
    checkpoint_steps: int = option(
        0, "Also checkpoint every so many steps (0: only after each epoch).", low=0, operational=True
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerOptions(Options):
    """Of `python -m strtf.serve`; no experiment has them."""

    model: str = option("", "Directory whose numbered subdirectories are SavedModels; the newest is served.")
    model_name: str = option("strtf", "Name of the model in requests.")
    labels: str = option("stable", "Labels, with commas, by which requests may ask for the version that is served.")
    host: str = option("127.0.0.1", "Address to listen on; 0.0.0.0 is every one of the machine. There is no login.")
    port: int = option(8500, "Port of gRPC (0: any that is free).", low=0, high=65535)
    rest_port: int = option(8501, "Port of REST, the page and the metrics (0: any that is free).", low=0, high=65535)
    max_batch_size: int = option(32, "Texts of several requests that are run together at most.", low=1)
    batch_timeout_ms: float = option(2.0, "How long a text waits for others to be run with.", low=0.0, high=10_000.0)
    max_queued_texts: int = option(1024, "Texts that wait or run at most; requests beyond are refused at once.", low=1)
    max_texts: int = option(256, "Texts of one request at most.", low=1)
    max_body_kb: int = option(1024, "Size of one request at most, KiB.", low=1, high=1 << 20)
    max_pending_mb: int = option(256, "Size of all requests being read or answered at most, MiB.", low=1)
    max_connections: int = option(2048, "REST connections at most; those beyond are answered 503.", low=1)
    request_timeout_s: float = option(30.0, "A REST request that takes longer is answered 504.", low=0.01)
    read_timeout_s: float = option(10.0, "Time for a client to send a request's headers, or its body.", low=0.01)
    drain_s: float = option(30.0, "Time at the end for the requests in flight.", low=0.0)
    poll_s: float = option(1.0, "How often to look for a newer version.", low=0.01)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MachineOptions(Options):
    """How a process uses its machine; no part of an experiment."""

    intra_op_threads: int = option(
        0, "Threads of one operation (0: as many as cores). Fewer where several processes share the machine.", low=0
    )
    inter_op_threads: int = option(0, "Operations that may run at once (0: as TensorFlow chooses).", low=0)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """All options of one run."""

    data: DataOptions = dataclasses.field(default_factory=DataOptions)
    model: ModelOptions = dataclasses.field(default_factory=ModelOptions)
    training: TrainingOptions = dataclasses.field(default_factory=TrainingOptions)

    def __post_init__(self):
        _check_tasks(self.model)
        if self.training.select_by is not SelectBy.NER and self.model.tasks is Tasks.NER:
            # an NER-only run has one score to choose by
            object.__setattr__(self, "training", dataclasses.replace(self.training, select_by=SelectBy.NER))
        if self.training.select_by is not SelectBy.RC_GOLD and self.model.tasks is Tasks.RC:
            object.__setattr__(self, "training", dataclasses.replace(self.training, select_by=SelectBy.RC_GOLD))
        if self.model.rc_mask is RcMask.CLS_FOCUSED:
            # under Eq. (13) the entities' rows read the whole sentence in the last block: only [CLS] is the pair's
            object.__setattr__(self, "model", dataclasses.replace(self.model, rc_features=RcFeatures.CLS))
        focused = self.model.system is System.FOCUSED_ATTENTION
        if focused and self.model.num_task_blocks == 0 and self.model.tasks is not Tasks.NER:
            raise StrtfError(
                "num_task_blocks must be at least 1 where relations are trained: with K = 0 no block is focused, "
                "and [CLS] cannot tell one pair from another. Received: 0. Set --num_task_blocks=1 or more."
            )

    def to_json(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict) -> "Experiment":
        groups = {field.name: field.type for field in dataclasses.fields(cls)}
        if not isinstance(values, dict):
            raise StrtfError(f"Options must be an object of {', '.join(groups)}. Received: {type(values).__name__}.")
        return cls(**{name: from_values(group, values.get(name, {})) for name, group in groups.items()})

    def override(self, given: dict[str, dict]) -> "Experiment":
        """This experiment with some options replaced: {group: {name: value}}.

        A directory of data takes the place of all files that are not given with it.

        Raises:
            StrtfError: a model option that would change what the trained weights compute.
        """
        if given.get("data", {}).get("data_dir"):
            files = dict.fromkeys(("train_data", "dev_data", "test_data"), "")
            given = given | {"data": files | given["data"]}
        changed = self.from_json({group: values | given.get(group, {}) for group, values in self.to_json().items()})
        fixed = [line for line in self.differences(changed) if line[2:].split(":")[0] in _FIXED_BY_TRAINING]
        if fixed:
            raise StrtfError(
                f"Options must agree with those the run was trained with. Received (run against flags): "
                f"{'; '.join(fixed)}. Leave them out."
            )
        return changed

    def differences(self, other: "Experiment") -> list[str]:
        """Options that change what is computed and differ: `--name: mine against other`."""
        return [
            f"--{field.name}: {mine} against {theirs}"
            for group in dataclasses.fields(self)
            for field, mine, theirs in _pairs(getattr(self, group.name), getattr(other, group.name))
            if mine != theirs and not field.metadata["operational"]
        ]


# A trained run's weights fit these values alone.
_FIXED_BY_TRAINING = {
    "system",
    "embedding_size",
    "units",
    "encoder",
    "tasks",
    "num_task_blocks",
    "rc_mask",
    "rc_features",
    "rc_distance",
    "rc_context",
    "rc_types",
    "rc_rivals",
    "tokenization",
    "lowercase",
    "surface_forms",
    "tag_layers",
    "schema",
}


def _check_tasks(options: ModelOptions) -> None:
    choices = TASKS_OF_SYSTEM[options.system]
    if options.tasks not in choices:
        raise StrtfError(
            f"--tasks must be {' or '.join(choices)} for --system={options.system}. Received: {options.tasks}. "
            f"Set --tasks={choices[0]}, or choose another system."
        )


def option_fields(group: type[Options]) -> Iterator[dataclasses.Field]:
    yield from dataclasses.fields(group)


def from_values(group: type[Options], values: dict) -> Options:
    """Options from plain values (JSON, flags); unknown names are errors that list the choices."""
    known = {field.name: field for field in dataclasses.fields(group)}
    if not isinstance(values, dict):
        raise StrtfError(f"{group.__name__} must be an object of options. Received: {type(values).__name__}.")
    for name in values:
        if name not in known:
            raise StrtfError(f"Options must be among {', '.join(sorted(known))}. Received: {name!r}.")
    return group(**{name: _typed(known[name], value) for name, value in values.items()})


def _typed(field: dataclasses.Field, value):
    if isinstance(field.type, type) and issubclass(field.type, enum.StrEnum):
        choices = [choice.value for choice in field.type]
        if value not in choices:
            raise StrtfError(f"--{field.name} must be one of {', '.join(choices)}. Received: {value!r}.")
        return field.type(value)
    # not isinstance: a bool is an int
    if type(value) is not field.type and not (field.type is float and type(value) is int):
        raise StrtfError(f"--{field.name} must be of type {field.type.__name__}. Received: {value!r}.")
    return value


def _check_bounds(field: dataclasses.Field, value) -> None:
    low, high = field.metadata["low"], field.metadata["high"]
    # negated, so that NaN is out of bounds too
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        rule = f"at least {low}" if high is None else f"between {low} and {high}"
        raise StrtfError(f"--{field.name} must be {rule}. Received: {value}.")


def _pairs(mine: Options, theirs: Options):
    for field in dataclasses.fields(mine):
        yield field, getattr(mine, field.name), getattr(theirs, field.name)
