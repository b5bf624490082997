"""How a report is put together, and the phrases that its clauses share.

No relation is ever guessed from the finished text: the phrase that says something also says how its entities
are related.
"""

from collections.abc import Sequence
from random import Random

from strtf.data.angiography import lexicon
from strtf.data.angiography.lexicon import NumberStyle, Vessel
from strtf.schema import Entity, Relation

_LEAD_IN = (
    "见",
    "示",
    "在",
    "伴",
    "并",
    "及",
)  # what may stand before a number that stands before its degree


class Report:
    """A sentence under construction; entities are numbered in text order."""

    def __init__(self):
        self.text = ""
        self.entities: list[Entity] = []
        self.relations: list[Relation] = []

    def say(self, text: str) -> None:
        self.text += text

    def mention(self, surface: str, entity_type: str) -> Entity:
        start = len(self.text)
        self.text += surface
        entity = Entity(f"e{len(self.entities) + 1}", start, len(self.text), entity_type)
        self.entities.append(entity)
        return entity

    def surface(self, entity: Entity) -> str:
        return self.text[entity.start : entity.end]

    def relate(self, relation_type: str, head: Entity, tail: Entity) -> None:
        self.relations.append(Relation(head.id, tail.id, relation_type))


class Phrases(Report):
    """Entities and phrases. `sites` is [the vessel in force, its locations ...], or [] if none is named."""

    def __init__(self, rng: Random):
        super().__init__()
        self.rng = rng
        self.style = NumberStyle.draw(rng)
        self.abbreviate = rng.random() < 0.4
        self.route = _route(rng)
        self.closed = False  # whether the vessel in force is said to be occluded

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def pick(self, *words: str) -> str:
        return self.rng.choice(words)

    # --- entities -------------------------------------------------------------------------------------

    def next_vessel(self) -> Vessel:
        return self.route.pop(0) if self.route else self.rng.choice(lexicon.BRANCHES)

    def vessel(self, vessel: Vessel) -> Entity:
        abbreviate = self.chance(0.85 if self.abbreviate else 0.1)
        return self.mention(vessel.name(self.rng, abbreviate), "Body Part")

    def names(self, vessel: Vessel, mention: Entity) -> bool:
        return self.surface(mention) in vessel.names + vessel.short

    def location(self, word: str, body: Entity) -> Entity:
        location = self.mention(word, "Location")
        self.relate("Position", head=body, tail=location)
        return location

    def site(self, vessel: Vessel, number: int, until: str = "至") -> list[Entity]:
        """A vessel and `number` of its locations; `until` may join two."""
        body = self.vessel(vessel)
        locations = []
        for i, word in enumerate(vessel.locations(self.rng, number)):
            self.say(
                "" if i == 0 else "、" if i < number - 1 else self.pick("及", "和", until if number == 2 else "、")
            )
            locations.append(self.location(word, body))
        self.closed = False
        return [body, *locations]

    def relative_places(self, *words: str) -> list[Entity]:
        """One or two places named by a stent or a lesion: Locations without Position."""
        places = []
        number = self.rng.choice((1, 2, 2))
        for i, word in enumerate(self.rng.sample(words, number)):
            self.say("" if i == 0 else "、" if i < number - 1 else "及")
            places.append(self.mention(word, "Location"))
        return places

    def group(self, number: int, locations: Sequence[int]) -> list[Entity]:
        """Several vessels, each with a number of locations drawn from `locations`."""
        sites: list[Entity] = []
        for i in range(number):
            self.say("" if i == 0 else "、" if i < number - 1 else self.pick("及", "和", "、"))
            sites += self.site(self.next_vessel(), self.rng.choice(locations))
        return sites

    def degree(self, word: str, sites: Sequence[Entity], negation: Entity | None = None) -> Entity:
        degree = self.mention(word, "Degree")
        for site in sites:
            self.relate("Modifier", head=degree, tail=site)
        if negation is not None:
            self.relate("Negative", head=degree, tail=negation)
        return degree

    def share_of(self, degree: Entity, low: int = 0, high: int = 0) -> None:
        if not high:
            low, high = lexicon.share_range(self.surface(degree))
        share = self.mention(self.style.share(self.rng, low, high), "Quantifier")
        self.relate("Percentage", head=share, tail=degree)

    # --- phrases --------------------------------------------------------------------------------------

    def about(self) -> None:
        self.say(self.pick("约", "约", "约", "约为", "达", "近", "", "", "", "＞", "≥", "估计"))

    def graded(self, word: str, sites: Sequence[Entity], number_first: float = 0.55) -> None:
        """A degree with its share, in either order."""
        if self.chance(number_first):
            self.say("" if self.text.endswith(_LEAD_IN) else self.pick("见", "可见"))
            about = self.pick("约", "", "近")
            self.say(about)
            share = self.mention(self.style.share(self.rng, *lexicon.share_range(word)), "Quantifier")
            self.say(self.pick("的", "", "的" if about else "左右的", ""))
            self.relate("Percentage", head=share, tail=self.degree(word, sites))
        elif self.chance(0.4) and lexicon.share_range(word) == lexicon.ANY_SHARE:
            self._progressed(self.degree(word, sites))
        else:
            degree = self.degree(word, sites)
            self.about()
            self.share_of(degree)

    def _progressed(self, degree: Entity) -> None:
        """Two shares of one degree: before and now."""
        words = "由{}进展至{}", "，前次{}，本次{}", "较前加重，由{}至{}", "（前次{}，现{}）"
        before, middle, after = self.pick(*words).split("{}")
        self.say(before)
        self.share_of(degree, 4, 11)
        self.say(middle)
        self.share_of(degree, 12, 19)
        self.say(after)

    def stenosis(self) -> str:
        return lexicon.described(self.rng, self.rng.choice(lexicon.STENOSES))

    def lesion(self) -> str:
        return lexicon.described(self.rng, self.rng.choice(lexicon.LESIONS))

    def see(self) -> None:
        self.say(self.pick("可见", "见", "存在", "示", "", "", ""))

    def negated(self, sites: Sequence[Entity], low: int, high: int, words: Sequence[str] = lexicon.NEGATED) -> None:
        """A negation and the list of degrees in its scope."""
        negation = self.mention(self.rng.choice(lexicon.NEGATIONS), "Negation")
        self.say(self.pick("明显", "", "", "明确"))
        words = self.rng.sample(words, self.rng.randint(low, min(high, len(words))))
        if words[0] in lexicon.NEGATED[:5] and "狭窄" not in words[1:]:
            words.pop(0)
            self._negated_share(sites, negation)
            self.say("" if not words else "、" if len(words) > 1 else self.pick("及", "或", "和", "、"))
        for i, word in enumerate(words):
            if i:
                self.say("、" if i < len(words) - 1 else self.pick("及", "或", "和", "、"))
            self.degree(lexicon.described(self.rng, word) if self.chance(0.15) else word, sites, negation)

    def _negated_share(self, sites: Sequence[Entity], negation: Entity) -> None:
        """未见50%以上狭窄: the degree is negated, and still has its share."""
        share = self.mention(self.style.share(self.rng, 6, 15), "Quantifier")
        self.say(self.pick("以上", "以上的", "的", ""))
        self.relate("Percentage", head=share, tail=self.degree(self.pick("狭窄", "管腔狭窄"), sites, negation))


def _route(rng: Random) -> list[Vessel]:
    """The vessels of a report, each once: the trunks in their usual order, branches and grafts between."""
    route = []
    for trunk in (lexicon.MAIN, lexicon.LAD, lexicon.LCX, lexicon.RCA):
        if rng.random() < 0.75:
            route.append(trunk)
        if rng.random() < 0.45:
            route.append(rng.choice(lexicon.BRANCHES))
    if rng.random() < 0.2:
        route.append(lexicon.graft(rng))
    start = rng.randrange(len(route)) if route else 0
    return list(dict.fromkeys(route[start:] + route[:start]))
