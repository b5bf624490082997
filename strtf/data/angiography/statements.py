"""Statements, each about a vessel, several, the rest or a treatment, and the reports made of them."""

from collections.abc import Callable
from random import Random

from strtf.data.angiography import lexicon
from strtf.data.angiography.asides import aside, procedure
from strtf.data.angiography.clauses import Reporter
from strtf.schema import Entity, Sentence

Clause = Callable[[Reporter, list[Entity]], None]

OPENINGS: tuple[tuple[Clause, int, int], ...] = (  # clause, weight, most locations of its vessel
    (Reporter.found, 7, 3),
    (Reporter.irregular, 1, 1),
    (Reporter.worst, 1, 2),
    (Reporter.mixed, 1, 2),
    (Reporter.occluded, 1, 2),
    (Reporter.landmarked, 9, 2),
    (Reporter.stented, 5, 1),
    (Reporter.bridged, 2, 1),
    (Reporter.later, 3, 2),
    (Reporter.contrast, 1, 1),
    (Reporter.normal, 4, 1),
)
SEQUELS: tuple[tuple[Clause, int], ...] = (
    (Reporter.further, 4),
    (Reporter.further_normal, 1),
    (Reporter.flow, 2),
    (Reporter.length, 13),
    (Reporter.collateral, 6),
    (Reporter.adverse, 1),
)
AFTER_OCCLUSION: tuple[tuple[Clause, int], ...] = (
    (Reporter.collateral, 4),
    (Reporter.flow, 2),
    (Reporter.length, 2),
)


def vessel_statement(reporter: Reporter) -> None:
    """One vessel, and up to three clauses about it; the vessel stays in force until the next is named."""
    rng = reporter.rng
    clause, _, most = rng.choices(OPENINGS, [weight for _, weight, _ in OPENINGS])[0]
    number = rng.choices((0, 1, 2, 3), (2 if clause is not Reporter.normal else 20, 8, 6, 1))[0]
    sites = reporter.site(reporter.next_vessel(), min(number, most))
    clause(reporter, sites)
    sequels = AFTER_OCCLUSION if reporter.closed else () if clause is Reporter.normal else SEQUELS
    if not sequels:
        return
    drawn = rng.choices(sequels, [weight for _, weight in sequels], k=rng.choices((0, 1, 2, 3), (5, 4, 3, 1))[0])
    clauses = dict.fromkeys(sequel for sequel, _ in drawn)
    for sequel in sorted(clauses, key=lambda clause: clause is not Reporter.length):  # a length follows its lesion
        reporter.say("，")
        sequel(reporter, sites)


def shared_statement(reporter: Reporter) -> None:
    """Several vessels share what follows them: 回旋支近段、右冠均未见狭窄及斑块."""
    sites = reporter.group(reporter.rng.choice((2, 2, 3)), locations=(0, 0, 1))
    reporter.say("均")
    if reporter.chance(0.4):
        reporter.negated(sites, 2, 3)
    else:
        reporter.see()
        reporter.graded(reporter.stenosis(), sites)


def respective_statement(reporter: Reporter) -> None:
    """近段、中段分别狭窄50%、70%: one degree of all the sites, one share for each."""
    if reporter.chance(0.1):
        return _respective_lesions(reporter)
    if reporter.chance(0.6):
        sites = reporter.site(reporter.next_vessel(), reporter.rng.choice((2, 3, 3)), until="、")
        number = len(sites) - 1
    else:
        sites, number = reporter.group(2, locations=(1, 1, 0)), 2
    reporter.say(reporter.pick("分别", "分别", "各", "依次"))
    degree = reporter.degree(reporter.pick("狭窄", "管腔狭窄"), sites)
    for i in range(number):
        reporter.say("、" if i else reporter.pick("约", "", "为"))
        reporter.share_of(degree)


def _respective_lesions(reporter: Reporter) -> None:
    """前降支近段、右冠中段分别见钙化、斑块: each lesion lies at the site of its own rank."""
    first = reporter.site(reporter.next_vessel(), 1)
    reporter.say("、")
    second = reporter.site(reporter.next_vessel(), 1)
    reporter.say(reporter.pick("分别可见", "分别见"))
    words = reporter.rng.sample(lexicon.LESIONS, 2)
    reporter.degree(lexicon.described(reporter.rng, words[0]), first)
    reporter.say("、")
    reporter.degree(lexicon.described(reporter.rng, words[1]), second)


def rest_statement(reporter: Reporter) -> None:
    """余血管 names no vessel: what is negated has no site, whatever vessel was in force before."""
    reporter.say(reporter.pick("余血管", "其余各支", "余各支血管", "其余冠脉分支", "余冠脉各段"))
    reporter.negated([], 4, 7)


def anatomy_statement(reporter: Reporter) -> None:
    """How the tree is laid out: vessels, no degrees."""
    parent, children = reporter.rng.choice(lexicon.TREES)
    reporter.vessel(parent)
    reporter.say(reporter.pick("分出", "发出", "依次发出", "走行自然，发出"))
    for i, child in enumerate(children):
        reporter.say("" if i == 0 else "、" if i < len(children) - 1 else reporter.pick("及", "和"))
        reporter.vessel(child)


def treated_statement(reporter: Reporter) -> None:
    """A treatment has no entities, not even its vessel; the angiogram that checks it has."""
    reporter.say(procedure(reporter.rng))
    reporter.say(reporter.pick("，复查造影", "，再次造影示", "，术后造影示", "；重复造影"))
    places = reporter.relative_places("支架内", "病变处", "支架近端", "支架远端")
    residual = reporter.degree(reporter.pick("残余狭窄", "残余狭窄", "残余管腔狭窄"), places)
    reporter.about()
    reporter.share_of(residual, 1, 5)
    reporter.say("，")
    if reporter.chance(0.5):
        share = reporter.mention("TIMI " + reporter.flow_grade(), "Quantifier")
        reporter.relate("Percentage", head=share, tail=reporter.degree("血流", []))
        reporter.say("，")
    edges = reporter.relative_places("支架边缘", "支架内", "支架两端") if reporter.chance(0.4) else []
    reporter.negated(edges, 4, 6, lexicon.COMPLICATIONS)


STATEMENTS = (
    (vessel_statement, 20),
    (shared_statement, 5),
    (respective_statement, 9),
    (rest_statement, 5),
    (anatomy_statement, 4),
    (treated_statement, 2),
)


def write_report(rng: Random) -> Sentence:
    """One report: asides without entities around one to six statements."""
    reporter = Reporter(rng)
    opening = aside(rng) if reporter.chance(0.35) else ""
    reporter.say(opening and opening + reporter.pick("。", "，", "："))
    for i in range(rng.choices((1, 2, 3, 4), (11, 6, 3, 2))[0]):
        reporter.say(reporter.pick("；", "。", "；", "，") if i else "")
        rng.choices([s for s, _ in STATEMENTS], [weight for _, weight in STATEMENTS])[0](reporter)
        if reporter.chance(0.06):
            reporter.say("，" + procedure(rng))
    if not opening and reporter.chance(0.4):
        reporter.say(reporter.pick("。", "；") + aside(rng))
    reporter.say("。")
    return Sentence("", reporter.text, tuple(reporter.entities), tuple(reporter.relations))
