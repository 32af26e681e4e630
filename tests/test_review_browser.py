"""The reviewer's page in a real browser: keys alone, kept through a kill, nothing in a row acts."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synthgate.provenance import Stamp, emit, read
from synthgate.render.review_html import inert, policy
from synthgate.review.state import REASONS, press, start
from synthgate.stages.audit import judge
from synthgate.stats.plan import make_plan
from synthgate.text import UNSAFE, printable
from tests.browser import PATIENCE, Browser, need_browser
from tests.conftest import read_rows, synthgate, write_rows
from tests.hostile import HOSTILE, HUGE
from tests.reviewing import drawn, few, last_said

CTRL_ENTER = [
    {"type": kind, "value": value}
    for kind, value in (
        ("keyDown", "\ue009"), ("keyDown", "\ue007"), ("keyUp", "\ue007"), ("keyUp", "\ue009"),
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests; pages differ by their plans, and so does what is kept of them."""
    need_browser()
    with Browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


def page(folder: Path, *more: str) -> Path:
    """Write the page of the sample that lies there."""
    words = "audit review sample.jsonl --plan plan.json --html review.html -q --force"
    done = synthgate(*words.split(), *more, cwd=folder)
    assert (done.code, done.out, done.err) == (0, b"", "")
    return folder / "review.html"


def downloaded(browser: Browser) -> Path:
    """Press `d`, and wait for the file."""
    before = set(browser.folder.glob("*.jsonl"))
    browser.type("d")
    end = time.monotonic() + PATIENCE
    while not (new := set(browser.folder.glob("*.jsonl")) - before):
        assert time.monotonic() < end
        time.sleep(0.05)
    return new.pop()


def test_a_hundred_rows_by_keys_alone(tmp_path: Path, browser: Browser) -> None:
    """The way from the page to the PASS of the gate: verdicts, an edit, a note, the download."""
    sample = drawn(tmp_path)
    browser.open(page(tmp_path))
    browser.type("ann", "enter")
    assert (browser.text("place"), browser.text("who")[:3]) == ("Row 1 of 100", "ann")
    assert "38 more passes to PASS" in browser.text("plan")
    browser.type("p", "f", "3", "n", "hällo", "enter", "p", "e")
    browser.type("0")
    browser.act(CTRL_ENTER)
    assert browser.text("place") == "Row 5 of 100"
    assert "2 not passed" in browser.text("plan")
    browser.type("b", "b", "b")
    assert browser.text("said") == "You said: fail (not what was asked)"
    browser.type("right", "right", "right", "p" * 96)
    assert browser.text("place") == "All 100 rows seen"
    assert browser.text("plan").startswith("PASS at label")
    path = downloaded(browser)
    labels = read_rows(path)
    ids = [row["_synthgate"]["id"] for row in sample]
    assert [each["id"] for each in labels] == ids
    said = [last_said(labels)[row_id] for row_id in ids]
    assert said == ["pass", "fail", "pass", "edit"] + ["pass"] * 96
    assert labels[1]["reason"] == REASONS[2] and labels[2]["note"] == "hällo"
    assert labels[3]["response"] == sample[3]["output"] + "0"
    assert all(each["reviewer"] == "ann" and each["ms"] >= 0 for each in labels)
    options = "--plan plan.json -o log.jsonl --edits edits.jsonl --rows rows.jsonl"
    done = synthgate("audit", "import", path, *options.split(), cwd=tmp_path)
    assert done.code == 0, done.err
    assert [row["output"] for row in read_rows(tmp_path / "edits.jsonl")] == [
        sample[3]["output"] + "0"
    ]
    gate = "audit gate rows.jsonl --plan plan.json --labels log.jsonl -o out.jsonl"
    assert synthgate(*gate.split(), cwd=tmp_path).code == 0
    assert browser.log() == []


def test_rows_that_need_a_person_are_reviewed_each(tmp_path: Path, browser: Browser) -> None:
    """The page of `--all` has no plan: it counts, and `verify` takes its download as it is."""
    stamp = Stamp(source="s", generation=1).provenance
    rows = [read(b'{"input":"all","output":"%d"}' % n, "x", 1, stamp) for n in range(4)]
    lines = [emit(row.marked(needs="human" if n else "")) for n, row in enumerate(rows)]
    write_rows(tmp_path / "rows.jsonl", lines)
    words = "audit review --all rows.jsonl --html review.html --reviewer ann"
    assert synthgate(*words.split(), cwd=tmp_path).code == 0
    browser.open(tmp_path / "review.html")
    browser.type("p", "f", "enter")
    assert browser.text("place") == "Row 3 of 3"
    assert browser.text("plan") == "1 pass, 1 fail, 1 open"
    said = downloaded(browser)
    done = synthgate("verify", "rows.jsonl", "--check", f"human:{said}", cwd=tmp_path)
    assert [row["output"] for row in done.rows] == ["1"]


def test_killed_and_opened_again(tmp_path: Path, browser: Browser) -> None:
    """kill -9 of the whole browser loses nothing that the page no longer calls `saving`."""
    drawn(tmp_path, [{"input": f"kill {n}", "output": "x"} for n in range(200)])
    path = page(tmp_path, "--reviewer", "ann")
    browser.open(path)
    browser.type("pppf2u")
    end = time.monotonic() + PATIENCE
    while "saving" in browser.text("who"):
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(browser.pid, signal.SIGKILL)
    time.sleep(0.3)
    browser.start()
    browser.open(path)
    assert browser.text("place") == "Row 6 of 100"
    browser.type("left")
    assert browser.text("said") == "You said: unsure"
    browser.type("left")
    assert browser.text("said") == "You said: fail (incomplete)"


def test_hostile_rows_are_text_and_nothing_more(tmp_path: Path, browser: Browser) -> None:
    """No text of a row, a key, a name or a reason becomes markup, style, request or script."""
    texts = list(HOSTILE.values())
    rows = [{"input": text, text: [text], "output": text} for text in texts]
    rows.append({"input": "long", "output": HUGE})
    drawn(tmp_path, rows, *few(rows))
    attack = HOSTILE["closing"]
    path = page(tmp_path, "--reviewer", attack, "--reason", attack, "--reason", HOSTILE["bidi"])
    source = path.read_text()
    assert "window.pwned" in source and "<script>window" not in source and "<img" not in source
    browser.open(path)
    seen = ""
    for number in range(1, len(rows) + 1):
        assert browser.text("place") == f"Row {number} of {len(rows)}"
        seen += browser.js("return document.getElementById('row').textContent")
        tags = browser.js("return [...document.querySelectorAll('#row *')].map((e) => e.tagName)")
        assert set(tags) <= {"SECTION", "H2", "PRE", "SPAN"}
        browser.type("f")
        tags = browser.js("return [...document.querySelectorAll('footer *')].map((e) => e.tagName)")
        assert set(tags) <= {"DIV", "BUTTON", "KBD", "SPAN"}
        browser.type("enter")
    assert browser.js("return typeof window.pwned") == "undefined"
    assert browser.js("return document.scripts.length") == 2
    assert browser.js("return performance.getEntriesByType('resource').length") == 0
    assert browser.log() == []
    for text in texts:
        for line in text.split("\n"):
            assert printable(line.replace("\t", "")) in seen.replace("\t", "")
    assert not [each for each in seen if printable(each) != each and each not in "\n\t"]


def test_a_huge_row_is_shown_to_its_end(tmp_path: Path, browser: Browser) -> None:
    """A long text is shown in part at once, and whole by keys."""
    rows = [{"input": "long", "output": HUGE}]
    drawn(tmp_path, rows, *few(rows))
    browser.open(page(tmp_path, "--reviewer", "ann"))
    shown = browser.js("return document.getElementById('row').textContent")
    assert len(shown) < 30_000 and "more characters" in shown
    browser.type(*(" " * 60))
    longer = browser.js("return document.getElementById('row').textContent.length")
    assert longer > len(shown)
    browser.act([{"type": kind, "value": "\ue010"} for kind in ("keyDown", "keyUp")])
    assert browser.js("return document.getElementById('row').textContent").endswith("the very end")


def test_nothing_but_the_pages_own_script_runs(tmp_path: Path, browser: Browser) -> None:
    """The policy of the page refuses scripts, styles, markup from strings and requests."""
    drawn(tmp_path)
    browser.open(page(tmp_path, "--reviewer", "ann"))
    attempt = """
      const script = document.createElement("script");
      try { script.text = "window.pwned = 1"; } catch (error) { return String(error); }
      document.body.append(script);
      return typeof window.pwned;
    """
    assert "TrustedScript" in browser.js(attempt)
    markup = (
        "try { document.body.innerHTML = '<b>x</b>'; return 'set' } catch (e) { return `${e}` }"
    )
    assert "TrustedHTML" in browser.js(markup)
    request = """
      const image = new Image();
      image.src = "http://127.0.0.1:9/x.png";
      document.body.append(image);
      document.body.setAttribute("style", "color: red");
      return getComputedStyle(document.body).color;
    """
    assert browser.js(request) != "rgb(255, 0, 0)"
    assert any("Content Security Policy" in each for each in browser.log())
    assert "'none'" in policy("a", "b") and "unsafe" not in policy("a", "b")
    assert json.loads(inert(HOSTILE)) == HOSTILE and "<" not in inert(HOSTILE)


# --- the page's script is a second account of the rules: held against the first ----------


@pytest.fixture
def blank(tmp_path: Path, browser: Browser) -> Browser:
    """A page with eight rows, two of them equal."""
    rows = [{"input": f"row {n}", "output": "x"} for n in (0, 1, 2, 3, 4, 5, 6, 6)]
    drawn(tmp_path, rows, *few(rows))
    browser.open(page(tmp_path, "--reviewer", "ann"))
    return browser


KEYS = ("p", "f", "u", "b", "left", "right", "enter", "esc", "?", "x", "1", "5", "9", "0")


def test_keys_do_the_same_in_the_browser_and_in_the_terminal(blank: Browser) -> None:
    """After any keys both are at the same row, with the same verdicts and the same way back."""
    ids = tuple(blank.js("return ids"))
    random_keys = random.Random(5)
    runs = [[random_keys.choice(KEYS) for _ in range(30)] for _ in range(60)]
    script = """
      return arguments[0].map((keys) => {
        marks = {}; at = 0; trail = []; mode = "row"; count = 0;
        return keys.map((key) => {
          press(key);
          const said = Object.entries(marks).map(([id, m]) => [id, m.verdict, m.reason || ""]);
          return [at, mode === "end" ? "row" : mode, trail.length, said.sort()];
        });
      });
    """
    for keys, found in zip(runs, blank.js(script, runs), strict=True):
        state = start(ids, {})
        for key, there in zip(keys, found, strict=True):
            state = press(state, key).state
            said = sorted([i, mark.verdict, mark.reason] for i, mark in state.marks.items())
            assert there == [state.at, state.mode, len(state.trail), said], keys


def test_the_plan_is_judged_the_same(blank: Browser) -> None:
    """For any plan and any labels the page tells the verdict that the gate will come to."""
    chance, cases = random.Random(7), []
    for rows, most in ((200, 60), (5000, 100), (300, 100), (90, 90)):
        plan = make_plan(rows, 0.9, 0.95, most)
        for _ in range(120):
            rate, holes = chance.choice([0, 0.02, 0.05, 0.2]), chance.choice([0, 0.02, 0.5])
            said = [
                "" if chance.random() < holes else "fail" if chance.random() < rate else "pass"
                for _ in range(plan.sample)
            ]
            cases.append((plan, said))
    script = "return arguments[0].map(([plan, said]) => judge(plan, said))"
    given = [
        ({"pass_points": plan.pass_points, "stop_at_failures": plan.stop_at_failures}, said)
        for plan, said in cases
    ]
    verdicts = set()
    for (plan, said), found in zip(cases, blank.js(script, given), strict=True):
        wanted = judge(_like(plan), {str(n): each for n, each in enumerate(said) if each})
        for name, value in found.items():
            assert getattr(wanted, name) == value
        verdicts.add(wanted.verdict)
    assert verdicts == {"PASS", "STOP", "INCOMPLETE"}


def _like(plan: Any) -> Any:
    """What `judge` needs of an audit plan whose sample is 0, 1, 2 and so on."""

    class Like:
        pass_points, stop_at_failures = plan.pass_points, plan.stop_at_failures
        sample = tuple(map(str, range(plan.sample)))
        drawn = plan.sample

    return Like()


def test_hidden_characters_are_shown_the_same(blank: Browser) -> None:
    """Every character that the terminal escapes the page escapes in the same way, and no other."""
    edges = {point + step for low, high in UNSAFE for point in (low, high) for step in (-1, 0, 1)}
    texts = [chr(p) for p in sorted(edges) if 0 <= p < 0x110000 and not 0xD7FF < p < 0xE000]
    texts += [f"a{each}{each}b" for each in texts] + list(HOSTILE.values())
    script = """
      return arguments[0].map((text) => {
        const there = document.createElement("pre"); put(there, text); return there.textContent;
      });
    """
    for text, found in zip(texts, blank.js(script, texts), strict=True):
        parts = [printable(each) if each not in "\n\t" else each for each in text]
        assert found == "".join(parts)
