"""Words of the made-up angiography reports, and the small grammars of their entity surfaces.

Every choice is drawn from the `random.Random` handed in, so a seed fixes the text.
"""

import dataclasses
from random import Random

LOCATIONS = {  # by the shape of the vessel; repeated words are commoner
    "main": ("开口", "开口处", "体部", "末端", "末段", "分叉处"),
    "trunk": (
        *(
            "近段",
            "近段",
            "近段",
            "中段",
            "中段",
            "中段",
            "远段",
            "远段",
            "近中段",
            "中远段",
            "开口",
            "开口处",
        ),
        *("起始部", "起始段", "近端", "末梢段", "近1/3段", "中1/3段", "第一转折处", "分叉处", "主干"),
    ),
    "branch": (
        "开口",
        "开口",
        "开口处",
        "近段",
        "近段",
        "中段",
        "远段",
        "口部",
        "起始部",
        "近中段",
        "体部",
        "分叉处",
    ),
    "graft": ("近端吻合口", "远端吻合口", "吻合口", "桥体", "桥体中段", "近段", "远段"),
}
DIVISIONS = {  # from proximal to distal: what a list of several locations is made of
    "main": ("开口", "体部", "末端"),
    "trunk": ("开口", "近段", "中段", "远段"),
    "branch": ("开口", "近段", "中段", "远段"),
    "graft": ("近端吻合口", "桥体", "远端吻合口"),
}
BEYOND = {
    "近段": ("中段", "远段", "中远段"),
    "开口": ("近段", "中段", "中远段"),
    "中段": ("远段", "远端", "末梢段"),
}
MAIN_DISTAL = ("末端", "末段", "分叉处")
DISTAL = ("远端", "末梢", "末梢段")


@dataclasses.dataclass(frozen=True, slots=True)
class Vessel:
    """A coronary artery: its names in full, its abbreviations, and which locations it may have."""

    names: tuple[str, ...]
    short: tuple[str, ...]
    shape: str
    segments: tuple[int, ...] = ()  # numbers of its segments in the AHA scheme

    def name(self, rng: Random, abbreviate: bool) -> str:
        return rng.choice(self.short if abbreviate else self.names)

    def locations(self, rng: Random, number: int) -> list[str]:
        """`number` different locations on this vessel, from proximal to distal."""
        if number > 1:
            divisions = DIVISIONS[self.shape]
            return [divisions[i] for i in sorted(rng.sample(range(len(divisions)), number))]
        if self.segments and rng.random() < 0.12:
            return [f"第{rng.choice(self.segments)}段"] * number
        return [rng.choice(LOCATIONS[self.shape])] * number


MAIN = Vessel(("左主干", "左冠状动脉主干"), ("LM", "LMCA"), "main", (5,))
LAD = Vessel(("左前降支", "前降支"), ("LAD",), "trunk", (6, 7, 8))
LCX = Vessel(("回旋支", "左回旋支"), ("LCX",), "trunk", (11, 13))
RCA = Vessel(("右冠状动脉", "右冠"), ("RCA",), "trunk", (1, 2, 3))
BRANCHES = (
    Vessel(("第一对角支", "对角支"), ("D1",), "branch", (9,)),
    Vessel(("第二对角支",), ("D2",), "branch", (10,)),
    Vessel(("第三对角支",), ("D3",), "branch"),
    Vessel(("第一间隔支",), ("S1",), "branch"),
    Vessel(("中间支",), ("RI", "中间支"), "branch"),
    Vessel(("钝缘支", "第一钝缘支"), ("OM", "OM1"), "branch", (12,)),
    Vessel(("第二钝缘支",), ("OM2",), "branch"),
    Vessel(("后降支",), ("PDA", "PD"), "branch", (4, 15)),
    Vessel(("左室后支",), ("PLV", "PL"), "branch", (14,)),
    Vessel(("锐缘支",), ("AM",), "branch"),
    Vessel(("右室支",), ("RV支",), "branch"),
)
TREES = (  # what divides into what
    (MAIN, (LAD, LCX)),
    (MAIN, (LAD, BRANCHES[4], LCX)),
    (LAD, (BRANCHES[0], BRANCHES[3])),
    (LAD, (BRANCHES[3], BRANCHES[0], BRANCHES[1])),
    (LCX, (BRANCHES[5], BRANCHES[6])),
    (RCA, (BRANCHES[7], BRANCHES[8])),
    (RCA, (BRANCHES[9], BRANCHES[7], BRANCHES[8])),
)
LANDMARKS = (  # branches that say where on a vessel something lies
    (MAIN, ("前降支", "LAD", "回旋支", "中间支")),
    (LAD, ("第一对角支", "D1", "第一间隔支", "第二对角支", "D2", "S1")),
    (LCX, ("OM1", "钝缘支", "第一钝缘支", "OM")),
    (RCA, ("锐缘支", "右室支", "AM", "后降支")),
)


def graft(rng: Random) -> Vessel:
    """A bypass graft, named by what it is made of and where it leads."""
    target = rng.choice(("LAD", "D1", "OM", "OM1", "PDA", "RCA", "PLV", "前降支", "钝缘支", "后降支", "右冠"))
    source = rng.choice(("LIMA", "SVG", "RA", "左乳内动脉", "大隐静脉"))
    return Vessel((f"{source}-{target}桥血管",), (f"{source}-{target}桥",), "graft")


GRADES = ("轻度", "中度", "重度", "轻中度", "中重度", "轻微", "极重度")
SHAPES = ("局限性", "弥漫性", "节段性", "偏心性", "向心性", "管状", "长段", "多发", "散在")
STENOSES = ("狭窄", "狭窄", "狭窄", "管腔狭窄", "狭窄病变")
IRREGULAR = ("管壁不规则", "管壁欠光滑", "内膜不光滑", "管壁毛糙", "粥样硬化改变")
LESIONS = (
    "斑块",
    "钙化",
    "混合斑块",
    "软斑块",
    "溃疡斑块",
    "瘤样扩张",
    "扩张",
    "血栓影",
    "钙化斑块",
    "充盈缺损",
)
FLOWS = ("血流", "前向血流", "血流灌注")
STENOTIC = ("狭窄", "闭塞", "再狭窄", "管腔狭窄")
NEGATED = (
    *("狭窄", "斑块", "钙化", "闭塞", "血栓", "夹层", "扩张", "心肌桥", "血流缓慢", "痉挛", "管壁不规则"),
    *("溃疡", "动脉瘤", "再狭窄", "充盈缺损", "造影剂滞留", "瘤样扩张", "内膜撕裂"),
)
COMPLICATIONS = (
    "血栓",
    "夹层",
    "痉挛",
    "动脉瘤",
    "造影剂滞留",
    "内膜撕裂",
    "血管破裂",
    "血流缓慢",
    "造影剂外渗",
)
NEGATIONS = ("未见", "未见", "未见", "无", "未发现", "未见到", "未及", "未探及", "没有", "未显示", "未观察到")
RELATIVE_PLACES = ("支架内", "支架近端", "支架远端", "支架边缘", "病变处", "支架中段", "病变近端", "病变远端")


def described(rng: Random, word: str) -> str:
    """A degree with its adjectives of grade and shape, which belong to the span."""
    graded = word.endswith(("狭窄", "狭窄病变", "斑块", "钙化", "扩张", "管壁不规则", "硬化改变"))
    draw = rng.random()
    grade = rng.choice(GRADES) if graded and 0.45 <= draw < 0.75 else ""
    shape = rng.choice(SHAPES) if draw >= 0.69 else ""
    return shape + grade + word


@dataclasses.dataclass(frozen=True, slots=True)
class NumberStyle:
    """How one report writes its percentages."""

    percent: str
    dash: str
    full_width: bool

    @classmethod
    def draw(cls, rng: Random) -> "NumberStyle":
        return cls(rng.choice("%%％"), rng.choice("-~－～"), rng.random() < 0.08)

    def share(self, rng: Random, low: int = 2, high: int = 19) -> str:
        """A percentage or a range of percentages, multiples of 5 between 5·low and 5·high."""
        first = rng.randint(low, high)
        text = str(5 * first)
        if rng.random() < 0.38 and first < high:
            both = self.percent if rng.random() < 0.35 else ""
            text += f"{both}{self.dash}{5 * rng.randint(first + 1, min(first + 2, high))}"
        text += self.percent
        return text.translate(_FULL_WIDTH) if self.full_width else text


ANY_SHARE = (4, 19)


def share_range(degree: str) -> tuple[int, int]:
    """The shares, in units of 5 %, that fit the grade a degree is given in words."""
    if "重" in degree:
        return 14, 19
    if "中" in degree:
        return 10, 14
    return (3, 9) if "轻" in degree else ANY_SHARE


_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
