"use strict";
// The reviewer in a browser: what its keys do, by the rules of synthgate/review/state.py.
// review_page.js follows it in the same script and draws.

const data = JSON.parse(document.getElementById("data").textContent);
const ids = data.rows.map((row) => row.id);
const CHUNK = 20000; // characters of a text that are shown at a time
const PAGES = ["space", "down", "up", "home", "end"];
const VERDICTS = { p: "pass", f: "fail", u: "unsure" };
const KEYS = [["p", "pass"], ["f", "fail"], ["e", "edit"], ["u", "unsure"], ["n", "note"],
  ["b", "back"], ["space", "page"], ["?", "help"], ["q", "end, download"]];
const UNSAFE = new RegExp("[" + data.unsafe.map(([low, high]) =>
  `\\u{${low.toString(16)}}-\\u{${high.toString(16)}}`).join("") + "]", "u");
const known = new Set(ids);
const STORE = "synthgate-review:" + data.key;
const byId = (id) => document.getElementById(id);

// --- state -------------------------------------------------------------------------------

let marks = {}; // by row id
let at = 0;
let mode = "load"; // load, row, reason, help, end, ask
let trail = [];
let reviewer = data.reviewer;
let since = performance.now();
let asking = null; // what is done with the text that is asked for
let store = null; // the database of this browser, once it is open
let kept = false; // whether localStorage takes what it is given
let saving = 0; // marks that are not yet on the disk
let count = 0; // marks given so far: the later of two about one row counts
let shown = 0; // characters of each text of the row that are on the page

function open(id) {
  const verdict = (marks[id] || {}).verdict;
  return !verdict || verdict === "skip";
}

function next(from) {
  for (let step = 1; step <= ids.length; step += 1) {
    const each = (from + step) % ids.length;
    if (open(ids[each])) return each;
  }
  return ids.length;
}

function mark() { return (at < ids.length && marks[ids[at]]) || {}; }

function say(fields, advance) {
  count += 1;
  marks[ids[at]] = { ...fields, ms: Math.round(performance.now() - since), n: count };
  keep(ids[at]);
  if (advance) forward();
}

function forward() {
  trail.push(at);
  move(next(at));
}

function move(to) {
  if (to !== at || mode === "load") { since = performance.now(); shown = 0; }
  at = to;
  mode = at < ids.length ? "row" : "end";
}

// --- what the plan says: judge() of synthgate/stages/audit.py ----------------------------

function judge(plan, said) {
  const labels = said.filter(Boolean).length;
  const wrong = said.filter((each) => each && each !== "pass").length;
  let holes = 0, failures = 0;
  for (let number = 1; number <= said.length; number += 1) {
    const each = said[number - 1];
    holes += each ? 0 : 1;
    failures += each && each !== "pass" ? 1 : 0;
    if (failures >= plan.stop_at_failures) break;
    if (number < plan.pass_points[failures]) continue;
    if (holes) return { verdict: "INCOMPLETE", labels, failures: wrong, missing: holes };
    return { verdict: "PASS", labels, failures: wrong, at: number };
  }
  return { verdict: "STOP", labels, failures: wrong };
}

function standing() {
  if (!data.plan) return { verdict: "", words: counts() };
  if (data.plan.blind) return { verdict: "", words: "planted rows are among these: audit gate tells where the plan stands" };
  const main = ids.slice(0, data.plan.drawn);
  const found = judge(data.plan, main.map((id) => (marks[id] || {}).verdict || ""));
  const left = data.plan.stop_at_failures - found.failures;
  const some = (number, one, many) => `${number} more ${number === 1 ? one : many}`;
  const words = {
    PASS: `PASS at label ${found.at}: ${data.plan.share} is shown`,
    STOP: `STOP: ${found.failures} did not pass, the plan allows ${data.plan.stop_at_failures - 1}`,
    INCOMPLETE: `${found.failures} not passed · ${some(found.missing, "pass", "passes")} to PASS · ${some(left, "failure", "failures")} to STOP`,
  }[found.verdict];
  return { verdict: found.verdict, words };
}

function counts() {
  const said = Object.values(marks).map((each) => each.verdict);
  const parts = ["pass", "fail", "edit", "unsure", "skip"].map((name) =>
    [said.filter((each) => each === name).length, name]).filter(([count]) => count);
  parts.push([new Set(ids.filter(open)).size, "open"]);
  return parts.map(([count, name]) => `${count} ${name}`).join(", ");
}

// --- keys --------------------------------------------------------------------------------

function press(key) {
  problem("");
  if (mode === "help") { mode = at < ids.length ? "row" : "end"; return draw(); }
  if (mode === "end" && key === "enter") return download();
  if (mode === "reason" && reason(key)) return draw();
  if (key === "q") mode = "end";
  else if (key === "?") mode = "help";
  else if (key === "d") return download();
  else if (key === "right") move(Math.min(at + 1, ids.length));
  else if (key === "b" && mode === "end" && at < ids.length) mode = "row";
  else if (key === "b" || key === "left") move(key === "b" && trail.length ? trail.pop() : Math.max(at - 1, 0));
  else if (at >= ids.length || mode === "end") return undefined;
  else if (key in VERDICTS) verdict(VERDICTS[key]);
  else if (key === "n") return note();
  else if (key === "e" || key === "E") return edit(key === "E");
  else if (PAGES.includes(key)) return turn(key);
  return draw();
}

function verdict(name) {
  say({ verdict: name, note: mark().note }, name !== "fail");
  if (name === "fail") mode = "reason";
}

function reason(key) {
  if (["enter", "space", "esc"].includes(key)) { forward(); return true; }
  const text = /^[1-9]$/.test(key) ? data.reasons[Number(key) - 1] : undefined;
  if (text === undefined) return false;
  say({ ...mark(), reason: text }, true);
  return true;
}

function note() {
  ask("Note on this row", mark().note || "", "enter keeps it, esc does not", false, (text) => {
    say({ ...mark(), note: text, verdict: mark().verdict || "skip" }, false);
  });
}

function edit(whole) {
  const row = data.rows[at], before = mark();
  const text = !whole && row.response !== null && before.row === undefined;
  const old = text ? row.response : row.json;
  const draft = (text ? before.response : before.row) || old;
  const title = text ? "The response as it should be" : "The row as it should be, as JSON";
  ask(title, draft, "ctrl+enter takes it (the row counts as not passed), esc does not", true, (found) => {
    if (found === old) return problem("nothing was changed: no verdict");
    if (!text && !valid(found)) return problem("this is no JSON object: no verdict");
    return say({ verdict: "edit", note: before.note, [text ? "response" : "row"]: found }, true);
  });
}

function valid(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value);
  } catch {
    return false;
  }
}

function turn(key) {
  const view = byId("row");
  if (key === "home") view.scrollTop = 0;
  else if (key === "up") view.scrollBy(0, -0.9 * view.clientHeight);
  else if (key !== "end") page();
  else { shown = Infinity; drawRow(true); view.scrollTop = view.scrollHeight; }
}

function page() {
  const view = byId("row");
  const bottom = view.scrollTop + view.clientHeight >= view.scrollHeight - 2;
  if (bottom && more()) { shown += CHUNK; drawRow(true); }
  view.scrollBy(0, 0.9 * view.clientHeight);
}

function more() {
  return at < ids.length && data.rows[at].parts.some((part) => part.text.length > CHUNK + shown);
}

// --- a text that is asked for ------------------------------------------------------------

function ask(title, text, how, tall, done) {
  asking = { done, tall };
  mode = "ask";
  byId("ask").textContent = title;
  byId("how").textContent = how;
  byId("box").className = tall ? "tall" : "";
  byId("box").hidden = false;
  byId("text").value = text;
  byId("text").focus();
}

function answer(take) {
  const { done } = asking, text = byId("text").value;
  asking = null;
  byId("box").hidden = true;
  mode = at < ids.length ? "row" : "end";
  if (take) done(text);
  draw();
}

function askName() {
  ask("Who are you? Your name goes into the label log.", reviewer, "enter", false, (text) => {
    reviewer = text.trim();
    keep("");
    since = performance.now();
    if (!reviewer) askName();
  });
}

document.addEventListener("keydown", (event) => {
  if (mode === "load" || event.isComposing || event.altKey || event.metaKey) return;
  if (asking) {
    const enter = event.key === "Enter" && (event.ctrlKey || (!asking.tall && !event.shiftKey));
    if (enter || event.key === "Escape") { event.preventDefault(); answer(enter); }
    return;
  }
  const names = { Enter: "enter", " ": "space", Escape: "esc", ArrowRight: "right", ArrowLeft: "left",
    ArrowDown: "down", ArrowUp: "up", PageDown: "space", PageUp: "up", Home: "home", End: "end" };
  const key = names[event.key] || event.key;
  const moves = PAGES.includes(key) && mode === "row";
  if (event.ctrlKey || (event.repeat && !moves)) return; // a key that is held down is no verdict
  if (event.target instanceof HTMLButtonElement && key === "enter") return;
  if (key.length === 1 || event.key in names) {
    event.preventDefault();
    press(key);
  }
});
