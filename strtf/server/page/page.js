"use strict";
// A sentence to the model's REST route, its answer as marked text, arcs and tables. No other host is asked.

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const LEVEL = 19; // pixels between arcs that lie over each other
const HUES = [210, 28, 140, 280, 350, 55, 180, 320, 95, 250];
const FIELDS = ["entity_start", "entity_end", "entity_type", "entity_probability", "entity_count",
  "relation_head", "relation_tail", "relation_type", "relation_probability", "relation_count"];
let model = "strtf", shown = null;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawn(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

async function describe() {
  try {
    const state = await (await fetch("healthz")).json();
    model = state.model;
    $("served").textContent = state.status === "ok" ? `${model}, version ${state.version}` : `${model}: no version is served`;
  } catch {
    $("served").textContent = "The server does not answer.";
  }
}

async function extract(text) {
  const response = await fetch(`v1/models/${encodeURIComponent(model)}:predict`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ instances: [text] }),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(`${response.status}: ${answer.error || response.statusText}`);
  const found = answer.predictions?.[0];
  const missing = FIELDS.filter((field) => found?.[field] === undefined);
  if (missing.length) throw new Error(`The model's answer must have ${missing.join(", ")}.`);
  return found;
}

// What counts, without the padding.
function read(found, text) {
  const points = Array.from(text); // offsets count code points, not UTF-16 units
  const entities = Array.from({ length: found.entity_count }, (_, i) => ({
    start: found.entity_start[i], end: found.entity_end[i], type: found.entity_type[i],
    probability: found.entity_probability[i], text: points.slice(found.entity_start[i], found.entity_end[i]).join(""),
  }));
  const relations = Array.from({ length: found.relation_count }, (_, i) => ({
    head: found.relation_head[i], tail: found.relation_tail[i], type: found.relation_type[i],
    probability: found.relation_probability[i],
  }));
  return { points, entities, relations };
}

function hues(entities) {
  const types = [...new Set(entities.map((entity) => entity.type))].sort();
  return new Map(types.map((type, i) => [type, HUES[i % HUES.length]]));
}

// Entities within entities are marks within marks; one that only crosses another is listed in the table alone.
function markText({ points, entities }, hue) {
  const order = entities.map((_, i) => i).sort((a, b) => entities[a].start - entities[b].start || entities[b].end - entities[a].end);

  // The marks of those next in order that lie in [at, end), and the text around them.
  function inside(at, end) {
    const parts = [];
    while (order.length && entities[order[0]].start < end) {
      const i = order.shift(), { start, end: last } = entities[i];
      if (start < at || last > end) continue;
      parts.push(points.slice(at, start).join(""), mark(i));
      at = last;
    }
    return [...parts, points.slice(at, end).join("")];
  }

  function mark(i) {
    const { start, end, type, probability } = entities[i], within = order.length && entities[order[0]].start === start;
    const first = within ? [] : [element("span", {}, points[start])]; // what `makeSpace` puts its strut into
    const parts = inside(within ? start : start + 1, end).filter((part) => part !== "");
    const made = element("mark", { "data-entity": i, title: `${type} ${percent(probability)}` }, ...first, ...parts);
    made.style.setProperty("--hue", hue.get(type));
    return made;
  }

  $("marked").replaceChildren(...inside(0, points.length));
}

const percent = (probability) => probability.toFixed(2);

// Arcs over the line of their entities, each on the lowest free level; between lines, over the upper end's line.
function placeArcs({ relations }, boxes) {
  const arcs = relations.flatMap((relation, index) => {
    const from = boxes.get(relation.head), to = boxes.get(relation.tail);
    return from && to ? [{ index, relation, from, to, line: Math.min(from.line, to.line) }] : [];
  });
  const width = (arc) => Math.abs(arc.from.x - arc.to.x);
  arcs.sort((a, b) => width(a) - width(b));
  const taken = [];
  for (const arc of arcs) {
    const half = Math.max(width(arc), textWidth(label(arc.relation)) + 8) / 2 + 3, middle = (arc.from.x + arc.to.x) / 2;
    [arc.left, arc.right, arc.level] = [middle - half, middle + half, 1];
    const meets = (other) => other.line === arc.line && other.level === arc.level && other.left < arc.right && arc.left < other.right;
    while (taken.some(meets)) arc.level += 1;
    taken.push(arc);
  }
  return arcs;
}

const label = (relation) => `${relation.type} ${percent(relation.probability)}`;

function measure() {
  const origin = $("view").getBoundingClientRect(), boxes = new Map(), lines = [];
  for (const mark of $("marked").querySelectorAll("mark")) {
    const box = mark.getClientRects()[0], top = box.top - origin.top + $("view").scrollTop;
    let line = lines.findIndex((y) => Math.abs(y - top) < 8);
    if (line < 0) line = lines.push(top) - 1;
    const x = box.left - origin.left + $("view").scrollLeft + box.width / 2;
    boxes.set(Number(mark.dataset.entity), { x, top, line, width: box.width });
  }
  return boxes;
}

// Several arcs at one entity start beside each other, those that go left on its left.
function spreadEnds(arcs) {
  const ends = new Map();
  for (const arc of arcs) for (const [own, other] of [["from", "to"], ["to", "from"]]) {
    const key = own === "from" ? arc.relation.head : arc.relation.tail;
    if (!ends.has(key)) ends.set(key, []);
    ends.get(key).push({ arc, own, box: arc[own], towards: arc[other].x - arc[own].x, level: arc.level });
  }
  for (const list of ends.values()) {
    // to the left: the highest arc innermost would cross; the widest goes outermost on neither side
    const rank = (end) => (end.towards < 0 ? -1000 + end.level : 1000 - end.level);
    list.sort((a, b) => rank(a) - rank(b));
    const step = Math.min(9, (list[0].box.width - 8) / Math.max(1, list.length - 1));
    list.forEach((end, i) => { end.arc[`${end.own}X`] = end.box.x + (i - (list.length - 1) / 2) * step; });
  }
}

function drawArcs(data) {
  const svg = $("arcs");
  for (const strut of $("marked").querySelectorAll(".strut")) strut.remove();
  makeSpace(placeArcs(data, measure()));
  const arcs = placeArcs(data, measure());
  spreadEnds(arcs);
  svg.replaceChildren();
  for (const arc of arcs) svg.append(drawArc(arc)); // lines first, so that none of them runs over a label
  for (const arc of arcs) svg.append(drawLabel(arc));
}

// Each line is as high as the arcs over it need: an empty strut in its first mark, bound to the first character.
function makeSpace(arcs) {
  const levels = new Map();
  for (const { line, level } of arcs) levels.set(line, Math.max(level, levels.get(line) ?? 0));
  const marks = $("marked").querySelectorAll("mark");
  measure().forEach(({ line }, entity) => {
    if (!levels.has(line)) return;
    const strut = element("span", { class: "strut" });
    strut.style.height = `${30 + levels.get(line) * LEVEL}px`;
    [...marks].find((mark) => Number(mark.dataset.entity) === entity).firstChild.prepend(strut);
    levels.delete(line);
  });
}

function drawArc(arc) {
  const { index, from, to, fromX, toX, level } = arc, group = drawn("g", { "data-relation": index });
  const a = from.top - 2, b = to.top - 2, turn = Math.sign(toX - fromX) * Math.min(6, Math.abs(toX - fromX) / 2);
  const y = arc.y = Math.min(from.top, to.top) + 1 - level * LEVEL;
  group.append(
    drawn("path", { d: `M${fromX} ${a} V${y + 6} Q${fromX} ${y} ${fromX + turn} ${y} H${toX - turn} Q${toX} ${y} ${toX} ${y + 6} V${b}` }),
    drawn("path", { class: "arrow", d: `M${toX} ${b + 1} l-4 -7 l8 0 z` }),
  );
  return group;
}

function drawLabel({ index, relation, fromX, toX, y }) {
  const group = drawn("g", { "data-relation": index }), x = (fromX + toX) / 2, text = label(relation);
  const width = textWidth(text) + 8;
  group.append(drawn("rect", { x: x - width / 2, y: y - 8, width, height: 16 }), drawn("text", { x, y: y + 4 }, text));
  return group;
}

const pencil = document.createElement("canvas").getContext("2d");

function textWidth(text) {
  pencil.font = getComputedStyle($("arcs")).font;
  return pencil.measureText(text).width;
}

function kind(type, hue) {
  const made = element("span", { class: "kind" }, type);
  made.style.setProperty("--hue", hue.get(type));
  return made;
}

function fill(table, rows, nothing) {
  const body = $(table).tBodies[0];
  const width = $(table).tHead.rows[0].cells.length;
  const made = rows.map(({ cells, relations }) => {
    const row = element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
    row.addEventListener("mouseenter", () => highlight(relations));
    row.addEventListener("mouseleave", () => highlight([]));
    return row;
  });
  body.replaceChildren(...(made.length ? made : [element("tr", {}, element("td", { colspan: width, class: "quiet" }, nothing))]));
}

function highlight(relations) {
  $("arcs").classList.toggle("some", relations.length > 0);
  for (const group of $("arcs").children) group.classList.toggle("on", relations.includes(Number(group.dataset.relation)));
}

function listAll({ entities, relations }, hue) {
  const of = (i) => relations.flatMap((relation, r) => (relation.head === i || relation.tail === i ? [r] : []));
  fill("entities", entities.map((entity, i) => ({
    relations: of(i),
    cells: [entity.text, kind(entity.type, hue), `${entity.start}–${entity.end}`, percent(entity.probability)],
  })), "None found.");
  fill("relations", relations.map((relation, i) => ({
    relations: [i],
    cells: [relation.type, entities[relation.head].text, entities[relation.tail].text, percent(relation.probability)],
  })), "None found.");
  $("legend").replaceChildren(...[...hue.keys()].map((type) => element("li", {}, kind(type, hue))));
}

function show(data) {
  const hue = hues(data.entities);
  $("result").hidden = false;
  markText(data, hue);
  drawArcs(data);
  listAll(data, hue);
  shown = data;
}

async function submit(event) {
  event?.preventDefault();
  const text = $("text").value, button = document.querySelector("button");
  button.disabled = true;
  $("error").hidden = true;
  try {
    show(read(await extract(text), text));
  } catch (error) {
    $("result").hidden = true;
    shown = null;
    $("error").textContent = error instanceof TypeError ? "The server does not answer." : error.message;
    $("error").hidden = false;
  } finally {
    button.disabled = false;
    describe();
  }
}

$("form").addEventListener("submit", submit);
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
});
window.addEventListener("resize", () => shown && drawArcs(shown));
// `#text=…` is extracted at once: a result can be linked to, and tested. What follows # is not part of the request.
const given = new URLSearchParams(location.hash.slice(1)).get("text");
if (given !== null) $("text").value = given;
describe().then(() => given !== null && submit());
