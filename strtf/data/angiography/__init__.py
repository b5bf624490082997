"""A made-up corpus of coronary angiography reports in Chinese, in the shape of the paper's Table I.

The data of Xue et al. (IEEE BIBM 2019) are patients' reports and not public. These sentences are not
theirs, nor any patient's: a grammar wrote them. They have the same five entity types, four relation types,
directions and counts. Licence: that of this package.

How it was made: `statements` writes a large seeded pool of reports clause by clause, and each clause states
the relations that it means; `selection` picks a subset with exactly the counts of Table I; `generate` adds
a few sentences without entities and splits 8:1:1 by sentence so that every count is near a tenth in dev and
in test. Regenerate it with `python -m strtf.data.angiography.generate --out_dir=DIR`.

Guideline
---------
Only what the angiogram shows of the coronary arteries is annotated. Access, equipment, drugs, pressures,
ejection fractions, treatments (行左前降支支架植入术, 球囊扩张, 血栓抽吸) and plans carry no entities, even
where they use the same words. Entities do not overlap, and cover words that mean no vessel in particular
(余血管) are not entities.

- **Body Part**: a named vessel or graft, in full or abbreviated (左前降支, LAD, 第一对角支, SVG-PDA桥).
- **Location**: a part of a vessel (近段, 开口, 第6段, 吻合口), or a place named by a stent or a lesion
  (支架内, 病变处, 最重处).
- **Degree**: a finding with its adjectives of grade and shape (轻度狭窄, 弥漫性钙化斑块, TIMI血流), without
  明显, 可见, 存在. In 最狭窄处 the Degree is 狭窄.
- **Quantifier**: a number or range with its unit (30-40％, 3级, TIMI 3级, 22mm), without 约, 近, ＞, 以上.
  TIMI belongs to the word it touches: TIMI血流 + 3级, but 血流 + TIMI 3级 and TIMI 3级 + 血流.
- **Negation**: a word that negates at least one Degree (未见, 无, 没有), without 明显.

A vessel stays in force, over commas, until another becomes the subject, or 余血管, or a treatment. A
location written after one of several vessels belongs to that vessel alone (前降支、回旋支近段均…: it is the
second's).

- **Position** (head: Body Part, tail: Location): the location is a part of that vessel: of the one it
  follows or, in a clause that names none, of the one in force (由右冠侧支供应其远段: 其 is the vessel in
  force). Places named by a stent or a lesion take no Position.
- **Modifier** (head: Degree, tail: Body Part or Location): where the finding lies, negated or not: the
  vessel in force, and the locations of its clause. After 均 it lies at all the sites listed. After 分别 one
  finding with several shares lies at all the sites, and the i-th of several findings at the i-th site.
  Vessels that only say where another's lesion is (于D1发出后), give collaterals, or are told as branches
  take no Modifier, nor do findings of 余血管.
- **Percentage** (head: Quantifier, tail: Degree): the share or grade of that finding, negated or not
  (未见50%以上狭窄); one finding may have several (由50%进展至80%; 近段、中段分别狭窄50%、80%). A length
  (长约20mm) grades nothing: no Percentage.
- **Negative** (head: Degree, tail: Negation): each finding in the scope of the negation, which a list
  continues and 但, 仅见 or 可见 ends.

So Negative and Modifier always run from the second entity to the first, Position from the first to the
second, and Percentage both ways.
"""

import pathlib

from strtf.errors import StrtfError

SPLITS = ("train", "dev", "test")


def split_path(name: str) -> pathlib.Path:
    """The JSON Lines file of a split, "train", "dev" or "test". Raises StrtfError for any other name."""
    if name not in SPLITS:
        raise StrtfError(f"Split must be one of {', '.join(SPLITS)}. Received: {name!r}.")
    return pathlib.Path(__file__).parent / f"{name}.jsonl"
