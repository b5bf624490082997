"""The paper's tables: which rows they have, and its numbers.

Source of every number: Xue et al., "Fine-tuning BERT for Joint Entity and Relation Extraction in Chinese Medical Text",
IEEE BIBM 2019, tables I to VI. They were made on coronary angiography reports of Shuguang Hospital, which are not
public; a number of ours stands beside one of theirs to show what is measured, not that both should agree.

A row is named as its flag file is: `experiments/TABLE/ROW.flags`.
"""

import dataclasses
from collections.abc import Mapping

from strtf.schema import Direction

Numbers = tuple[float, float, float]  # precision, recall, F1 in percent

NER, RC_PREDICTED, RC_GOLD = "ner", "rc_predicted", "rc_gold"
NER_SEEN, NER_UNSEEN = "ner_seen", "ner_unseen"


@dataclasses.dataclass(frozen=True)
class PaperRow:
    """A row: its label, and the paper's numbers for each score that the paper gives."""

    name: str
    label: str
    numbers: Mapping[str, Numbers] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class PaperTable:
    """A table of the paper, or one in its manner.

    Attributes:
        folder: of the rows' flag files, below `experiments/`.
        scores: rows of `evaluation.evaluate.ROWS` that it shows.
        ours: name of the row that the p-value compares with the best of the others; None: the best row.
    """

    folder: str
    title: str
    scores: tuple[str, ...]
    rows: tuple[PaperRow, ...]
    ours: str | None = "focused_attention"


# ------------------------------------------------------------------ table I
ENTITIES = {"Negation": 103, "Body Part": 492, "Degree": 658, "Quantifier": 422, "Location": 461}
RELATIONS = {
    ("Negative", Direction.BACKWARD): 406,
    ("Modifier", Direction.BACKWARD): 1068,
    ("Position", Direction.FORWARD): 389,
    ("Percentage", Direction.FORWARD): 100,
    ("Percentage", Direction.BACKWARD): 256,
}
NO_RELATION_KEPT = 1975  # what is left after 85 % were discarded
KEPT = 0.15

# ------------------------------------------------------------------ tables II to VI
_JOINT_BILSTM_NER, _OURS_NER = (93.84, 96.69, 95.24), (96.69, 97.09, 96.89)
_OURS_RC_GOLD = (96.06, 96.83, 96.44)

TABLE_2 = PaperTable(
    "table_2_ner",
    "Table II. NER",
    (NER,),
    (
        PaperRow("bilstm_crf", "Bi-LSTM", {NER: (94.46, 94.07, 94.26)}),
        PaperRow("rdcnn", "RDCNN", {NER: (96.49, 94.90, 95.69)}),
        PaperRow("joint_bilstm", "Joint-Bi-LSTM", {NER: _JOINT_BILSTM_NER}),
        PaperRow("focused_attention", "Our model", {NER: _OURS_NER}),
    ),
)

MENTIONS = PaperTable(
    TABLE_2.folder,
    "NER, mentions seen in training and unseen ones (not in the paper)",
    (NER_SEEN, NER_UNSEEN),
    tuple(PaperRow(row.name, row.label) for row in TABLE_2.rows),
)

TABLE_3 = PaperTable(
    "table_3_rc",
    "Table III. RC with correct entities",
    (RC_GOLD,),
    (
        PaperRow("rcn", "RCN", {RC_GOLD: (90.77, 93.65, 92.19)}),
        PaperRow("cnn", "CNN", {RC_GOLD: (94.49, 95.24, 94.86)}),
        PaperRow("joint_bilstm", "Joint-Bi-LSTM", {RC_GOLD: (92.92, 92.86, 92.88)}),
        PaperRow("focused_attention", "Our model", {RC_GOLD: _OURS_RC_GOLD}),
    ),
)

TABLE_4 = PaperTable(
    "table_4_joint",
    "Table IV. Joint entity and relation extraction",
    (NER, RC_PREDICTED),
    (
        PaperRow("joint_bilstm", "Joint-Bi-LSTM", {NER: _JOINT_BILSTM_NER, RC_PREDICTED: (93.64, 81.75, 87.29)}),
        PaperRow("focused_attention", "Our model", {NER: _OURS_NER, RC_PREDICTED: (95.41, 82.54, 88.51)}),
    ),
)

# {(K, equation of the mask): (NER, RC with predicted entities)}; K = 1 and K = N are not in the paper
_TABLE_5: dict[tuple[int, int], tuple[Numbers, Numbers] | None] = {
    (1, 13): None,
    (2, 13): ((95.07, 97.93, 96.48), (97.08, 87.37, 91.97)),
    (4, 13): ((94.98, 98.20, 96.56), (97.06, 86.84, 91.67)),
    (6, 13): ((95.39, 98.20, 96.77), (98.20, 86.32, 91.88)),
    (1, 14): None,
    (2, 14): ((94.67, 97.93, 96.27), (95.95, 87.37, 91.46)),
    (4, 14): ((94.77, 97.87, 96.29), (98.21, 86.84, 92.18)),
    (6, 14): ((94.47, 97.93, 96.17), (96.51, 87.37, 91.71)),
    (12, 14): None,
}
K_AND_MASK = {f"k{k}_eq{equation}": (k, equation) for k, equation in _TABLE_5}

TABLE_5 = PaperTable(
    "table_5_k_and_mask",
    "Table V. K and the mask",
    (NER, RC_PREDICTED),
    tuple(
        PaperRow(f"k{k}_eq{equation}", f"K = {k}, Eq. ({equation})",
                 dict(zip((NER, RC_PREDICTED), numbers or (), strict=False)))
        for (k, equation), numbers in _TABLE_5.items()
    ),
    ours=None,
)  # fmt: skip

TABLE_6 = PaperTable(
    "table_6_ablation",
    "Table VI. Tasks trained separately",
    (NER, RC_GOLD),
    (
        PaperRow("only_ner", "Only NER", {NER: (95.14, 97.64, 96.37)}),
        PaperRow("only_rc", "Only RC", {RC_GOLD: (96.00, 95.24, 95.62)}),
        PaperRow("joint", "Our model", {NER: _OURS_NER, RC_GOLD: _OURS_RC_GOLD}),
    ),
    ours="joint",
)

RELATION_HEADS = PaperTable(
    "relation_heads",
    "Relation heads on one encoder (not in the paper)",
    (NER, RC_PREDICTED, RC_GOLD),
    (PaperRow("spert", "SpERT's head"), PaperRow("focused_attention", "Our model")),
)

TABLES = (TABLE_2, MENTIONS, TABLE_3, TABLE_4, TABLE_5, TABLE_6, RELATION_HEADS)
