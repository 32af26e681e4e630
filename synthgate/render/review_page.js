
// The second half of the page's script: what is kept, handed over and drawn. Rows are only ever set
// as text, never as markup, and what cannot be seen in them is shown as an escape.

// --- what is kept and what is handed over ------------------------------------------------

// Each mark is kept at once: in IndexedDB, which hands it to the disk right away, so that a killed
// browser loses nothing, and in localStorage, for browsers that refuse the other to a local file.

function keep(id) {
  try {
    localStorage.setItem(STORE, JSON.stringify({ marks, reviewer }));
    kept = true;
  } catch { /* full or switched off: said below where the other is missing, too */ }
  if (store) {
    const way = store.transaction("marks", "readwrite", { durability: "strict" });
    way.objectStore("marks").put(id ? marks[id] : reviewer, [STORE, id]);
    saving += 1;
    way.oncomplete = () => { saving -= 1; drawWho(); };
  } else if (!kept) {
    problem("this browser keeps nothing: download your verdicts before you close the page");
  }
}

function load(then) {
  try {
    const old = JSON.parse(localStorage.getItem(STORE) || "{}");
    for (const [id, each] of Object.entries(old.marks || {})) merge(id, each);
    reviewer = reviewer || old.reviewer || "";
  } catch { /* nothing was kept there */ }
  try {
    const asked = indexedDB.open("synthgate-review", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("marks");
    asked.onerror = then;
    asked.onsuccess = () => { store = asked.result; loadStore(then); };
  } catch {
    then();
  }
}

function loadStore(then) {
  const range = IDBKeyRange.bound([STORE], [STORE, []]);
  const asked = store.transaction("marks").objectStore("marks").openCursor(range);
  asked.onerror = then;
  asked.onsuccess = () => {
    const found = asked.result;
    if (!found) return then();
    const id = found.key[1];
    if (id) merge(id, found.value);
    else reviewer = reviewer || found.value;
    return found.continue();
  };
}

function merge(id, each) {
  if (!known.has(id) || !each || (marks[id] && marks[id].n >= each.n)) return;
  marks[id] = each;
  count = Math.max(count, each.n);
}

function labels() {
  const lines = [];
  for (const [position, id] of ids.entries()) {
    if (!marks[id] || ids.indexOf(id) !== position) continue;
    const { verdict: said, n: _, ...rest } = marks[id];
    const place = data.plan ? { plan: data.plan.plan, position: position + 1 } : {};
    const fields = Object.fromEntries(Object.entries(rest).filter(([, each]) => each !== undefined && each !== ""));
    lines.push(JSON.stringify({ id, verdict: said, reviewer, ...place, ...fields }));
  }
  return lines.join("\n") + "\n";
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([labels()], { type: "application/x-ndjson" }));
  link.download = `verdicts-${data.key.slice(0, 8)}.jsonl`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  problem("");
  byId("said").textContent = `downloaded ${link.download}`;
}

// --- drawing -----------------------------------------------------------------------------

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function escaped(point) {
  const hex = point.toString(16);
  return point > 0xffff ? "\\U" + hex.padStart(8, "0") : "\\u" + hex.padStart(4, "0");
}

// Append a text: line ends and tabs as they are, everything else that is not to be seen as escape.
function put(parent, text) {
  let plain = "", hidden = "";
  const flush = () => {
    if (plain) parent.append(plain);
    if (hidden) parent.append(element("span", hidden, "escape"));
    plain = hidden = "";
  };
  for (const each of text) {
    if (each !== "\n" && each !== "\t" && UNSAFE.test(each)) {
      if (plain) flush();
      hidden += escaped(each.codePointAt(0));
    } else {
      if (hidden) flush();
      plain += each;
    }
  }
  flush();
}

function cut(text, end) { // never between the halves of a character
  return text.slice(0, /[\ud800-\udbff]/.test(text[end - 1] || "") ? end - 1 : end);
}

function drawRow(keep) {
  const view = byId("row"), top = view.scrollTop;
  view.replaceChildren();
  if (mode === "help") view.append(table("What each key does", data.help));
  else if (mode === "end" || at >= ids.length) view.append(end());
  else for (const part of data.rows[at].parts) view.append(card(part));
  view.scrollTop = keep ? top : 0;
}

function card(part) {
  const made = element("section", undefined, "part"), heading = element("h2"), body = element("pre");
  const limit = CHUNK + shown;
  put(heading, part.name || "(no name)");
  put(body, cut(part.text, limit));
  if (!part.text) body.append(element("span", "(empty)", "empty"));
  const rest = part.text.length - limit;
  if (rest > 0) body.append(element("span", `\n… ${rest.toLocaleString("en")} more characters: space at the end shows them`, "rest"));
  made.append(heading, body);
  return made;
}

function table(title, pairs) {
  const made = element("section", undefined, "page"), rows = element("table");
  for (const [key, text] of pairs) {
    const line = element("tr"), left = element("td");
    left.append(element("kbd", key));
    line.append(left, element("td", text));
    rows.append(line);
  }
  made.append(element("h2", title), rows, element("p", "Any key goes back."));
  return made;
}

function end() {
  const made = element("section", undefined, "page"), { words } = standing();
  const waiting = new Set(ids.filter(open)).size;
  made.append(element("h2", waiting ? "Not every row has its verdict yet" : "Every row has its verdict"));
  made.append(element("p", words), element("p", counts()));
  const button = element("button", "Download the verdicts (enter)");
  button.addEventListener("click", download);
  const then = data.plan ? "audit import VERDICTS --plan PLAN -o LOG" : "verify ROWS --check human:VERDICTS";
  made.append(button, element("p", `Then: synthgate ${then}. b goes back to the rows.`));
  return made;
}

function drawWho() {
  byId("who").replaceChildren();
  put(byId("who"), reviewer + (saving ? " · saving" : ""));
}

function drawBar() {
  const bar = byId("bar");
  bar.replaceChildren(...ids.slice(0, 500).map((id, position) =>
    element("i", undefined, `${(marks[id] || {}).verdict || "open"}${position === at ? " here" : ""}`)));
}

function drawKeys() {
  const pairs = mode === "reason"
    ? [...data.reasons.map((text, number) => [String(number + 1), text]), ["enter", "no reason"]] : KEYS;
  byId("keys").replaceChildren(...pairs.map(([key, text]) => {
    const made = element("button");
    made.append(element("kbd", key));
    put(made, text);
    made.addEventListener("click", () => { made.blur(); press(key); });
    return made;
  }));
}

function drawSaid() {
  const line = byId("said"), { verdict: said, reason: why, note: text } = mark();
  if (line.classList.contains("problem")) return;
  line.replaceChildren();
  if (mode === "reason") put(line, "Fail: why?");
  else if (said === "skip" && text && mode === "row") put(line, `note: ${text}`);
  else if (said && mode === "row") put(line, `You said: ${said}${why ? ` (${why})` : ""}${text ? ` · note: ${text}` : ""}`);
}

function problem(text) {
  byId("said").className = text ? "problem" : "";
  byId("said").textContent = text;
}

function draw() {
  const { verdict: said, words } = standing();
  byId("place").textContent = at < ids.length ? `Row ${at + 1} of ${ids.length}` : `All ${ids.length} rows seen`;
  drawWho();
  byId("plan").textContent = words;
  byId("plan").className = said;
  drawBar();
  drawRow(false);
  drawKeys();
  drawSaid();
}

load(() => {
  move(next(-1));
  draw();
  if (!reviewer) askName();
});
