"""What may be said of a vessel: clauses that open its statement, and clauses that go on about it."""

from strtf.data.angiography import lexicon
from strtf.data.angiography.phrases import Phrases
from strtf.schema import Entity


class Reporter(Phrases):
    """Tells one report, clause by clause; every clause takes the sites it is about."""

    # --- clauses that open a vessel -------------------------------------------------------------------

    def found(self, sites: list[Entity]) -> None:
        self.see()
        self.graded(self.stenosis(), sites)

    def irregular(self, sites: list[Entity]) -> None:
        """左前降支近段管壁不规则，最狭窄处30-40％: both degrees lie at the site, the second has the share."""
        self.degree(lexicon.described(self.rng, self.rng.choice(lexicon.IRREGULAR)), sites)
        self.say("，最")
        stenosis = self.degree("狭窄", sites)
        self.say("处")
        self.about()
        self.share_of(stenosis)

    def worst(self, sites: list[Entity]) -> None:
        """A lesion, then a place named by the lesion: a Location of no vessel's own (no Position)."""
        self.see()
        self.degree(self.lesion(), sites)
        self.say("，")
        place = self.mention(self.pick("最重处", "病变处", "最严重处"), "Location")
        self.graded("狭窄", [*sites, place], 0.1)

    def mixed(self, sites: list[Entity]) -> None:
        """A lesion beside a graded stenosis, on either side of it."""
        self.see()
        if self.chance(0.5):
            self.degree(self.lesion(), sites)
            self.say(self.pick("伴", "并", "合并", "及"))
            self.graded(self.stenosis(), sites)
        else:
            self.graded(self.stenosis(), sites)
            self.say(self.pick("伴", "，合并", "，局部见"))
            self.degree(self.lesion(), sites)

    def occluded(self, sites: list[Entity]) -> None:
        self.closed = True
        degree = self.degree(self.pick("闭塞", "完全闭塞", "次全闭塞", "慢性闭塞", "急性闭塞"), sites)
        if self.chance(0.4):
            self.say(self.pick("，", "，狭窄程度", "（", "，约"))
            close = "）" if self.text.endswith("（") else ""
            share = self.mention(self.pick("99", "100", "95-99", "95-100") + self.style.percent, "Quantifier")
            self.relate("Percentage", head=share, tail=degree)
            self.say(close)

    def landmarked(self, sites: list[Entity]) -> None:
        """A branch that only says where: it is a Body Part without relations."""
        marks = [marks for vessel, marks in lexicon.LANDMARKS if self.names(vessel, sites[0])]
        if not marks:
            return self.found(sites)
        self.say(self.pick("于", "在", "自"))
        self.mention(self.pick(*marks[0]), "Body Part")
        self.say(self.pick("发出后", "发出前", "发出处以远", "分出后"))
        self.see()
        self.graded(self.stenosis(), sites)

    def stented(self, sites: list[Entity]) -> None:
        places = self.relative_places(*lexicon.RELATIVE_PLACES)
        self.see()
        self.graded(lexicon.described(self.rng, "再狭窄"), [*sites, *places])

    def bridged(self, sites: list[Entity]) -> None:
        bridge = self.degree(self.pick("心肌桥", "肌桥", "浅表型心肌桥", "纵深型肌桥"), sites)
        self.say(self.pick("，收缩期压缩", "，收缩期受压", "（收缩期挤压"))
        close = "）" if "（" in self.text[-6:] else ""
        self.about()
        self.share_of(bridge, 9, 16)
        if self.chance(0.5):
            self.say(self.pick("，舒张期", "，舒张期残余", "，舒张期仍有"))
            self.share_of(bridge, 2, 6)
        self.say(close)

    def later(self, sites: list[Entity]) -> None:
        """The share comes after a remark that has no entities."""
        degree = self.degree(self.stenosis(), sites)
        self.say(
            self.pick(
                "，与前次造影相比有所进展，现",
                "，偏心，边缘欠清，目测",
                "（多体位投照证实），",
                "，程度较重，",
            )
        )
        self.about()
        self.share_of(degree)

    def normal(self, sites: list[Entity]) -> None:
        self.say(self.pick("", "", "全程", "造影") if len(sites) == 1 else self.pick("", "亦"))
        self.negated(sites, 3, 5 if len(sites) > 1 else 6)

    # --- clauses that go on about the vessel in force -------------------------------------------------

    def beyond(self, sites: list[Entity]) -> Entity:
        """A further location of the vessel in force, distal to those said."""
        if self.names(lexicon.MAIN, sites[0]):
            return self.location(self.pick(*lexicon.MAIN_DISTAL), sites[0])
        return self.location(self.pick(*lexicon.BEYOND.get(self.surface(sites[-1]), lexicon.DISTAL)), sites[0])

    def further(self, sites: list[Entity]) -> None:
        """中段狭窄约50%: the vessel is not said again."""
        clause = self.rng.choice((*[Reporter.found] * 5, Reporter.mixed, Reporter.irregular))
        clause(self, [sites[0], self.beyond(sites)])

    def further_normal(self, sites: list[Entity]) -> None:
        self.negated([sites[0], self.beyond(sites)], 1, 4)

    def flow(self, sites: list[Entity]) -> None:
        """TIMI goes with the word it touches: TIMI血流 + 3级, 血流 + TIMI 3级, TIMI 3级 + 血流."""
        body, grade = sites[:1], self.flow_grade()
        if self.chance(0.25):
            body = [*body, self.location(self.pick("远段", "远端", "末梢"), sites[0])]
        timi, draw = "TIMI " if grade.startswith("I") else self.pick("TIMI", "TIMI "), self.rng.random()
        if draw < 0.4:
            share = self.mention(timi + grade, "Quantifier")
            self.relate("Percentage", head=share, tail=self.degree(self.rng.choice(lexicon.FLOWS), body))
            return
        degree = self.degree("TIMI血流" if draw < 0.7 else self.rng.choice(lexicon.FLOWS), body)
        self.say(self.pick("", "为", "达"))
        share = self.mention(grade if draw < 0.7 else timi + grade, "Quantifier")
        self.relate("Percentage", head=share, tail=degree)

    def flow_grade(self) -> str:
        if self.closed:
            return self.pick("0级", "1级", "0-1级")
        return self.pick("3级", "3级", "2级", "2-3级", "III级", "II级")

    def length(self, sites: list[Entity]) -> None:
        """A length is a Quantifier that grades no degree: no Percentage."""
        self.say(self.pick("病变长约", "长度约", "长约", "累及长度"))
        self.mention(f"{self.rng.randint(5, 45)}{self.pick('mm', 'mm', 'mm', '毫米')}", "Quantifier")

    def contrast(self, sites: list[Entity]) -> None:
        """The scope of the negation ends at 但."""
        but = self.pick("，但可见", "，仅见", "，但存在", "，可见")
        if self.chance(0.6):
            self.negated(sites, 1, 5, lexicon.COMPLICATIONS)
            self.say(but)
            self.graded(self.stenosis(), sites)
        else:
            self.negated(sites, 2, 3, lexicon.STENOTIC)
            self.say(but)
            self.degree(self.lesion(), sites)

    def collateral(self, sites: list[Entity]) -> None:
        """Vessels that give blood to one another: nothing is said about their walls."""
        givers = [v for v in (lexicon.RCA, lexicon.LCX, lexicon.LAD) if not self.names(v, sites[0])]
        before, between, after = self.pick(
            "可见来自{}的侧支供应其{}", "由{}侧支供应其{}", "造影见{}逆行充盈其{}", "{}向其{}提供侧支供血"
        ).split("{}")
        self.say(before)
        self.vessel(self.rng.choice(givers))
        if self.chance(0.5):
            self.say("经")
            self.mention(self.pick("第一间隔支", "间隔支", "右室支", "锐缘支", "S1", "AM"), "Body Part")
        self.say(between)
        self.location(self.pick("远段", "中远段", "远端", "末梢"), sites[0])
        self.say(after)

    def adverse(self, sites: list[Entity]) -> None:
        self.say(self.pick("", "亦", "局部"))
        self.negated(sites[:1], 3, 5, lexicon.COMPLICATIONS)
