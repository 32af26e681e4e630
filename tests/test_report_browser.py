"""The report in a real browser: nothing acts, nothing loads, and it can be read anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synthgate.render.report_html import html
from synthgate.text import printable
from tests.browser import Browser, need_browser
from tests.conftest import synthgate, write_rows
from tests.hostile_texts import KINDS, spread
from tests.report_fixture import rich

INSIDE = """
  const all = [...document.querySelectorAll("*")];
  document.querySelectorAll("details").forEach((each) => { each.open = true; });
  return {
    tags: [...new Set(all.map((each) => each.localName))],
    names: [...new Set(all.flatMap((each) => each.getAttributeNames()))],
    scripts: document.scripts.length,
    pwned: typeof window.pwned,
    loaded: performance.getEntriesByType("resource").length,
    sheets: document.styleSheets.length,
    frames: window.frames.length,
    title: document.title,
    address: location.href,
    cells: [...document.querySelectorAll("td, th, b, p, pre, h1, .why, .fact")].map(
      (each) => each.textContent),
    text: document.body.textContent,
  };
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests."""
    need_browser()
    with Browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


def opened(browser: Browser, path: Path, found: dict[str, Any]) -> dict[str, Any]:
    """Show a report, and say what is inside of it."""
    path.write_bytes(html(found).encode())
    browser.show(path)
    inside: dict[str, Any] = browser.js(INSIDE)
    return inside


@pytest.mark.parametrize("shift", [0, 17, 30])
def test_hostile_reports_are_text_and_nothing_more(
    browser: Browser, tmp_path: Path, shift: int
) -> None:
    """No text becomes a script, a handler, a style, a request or another address."""
    plain = opened(browser, tmp_path / "rich.html", rich())
    path = tmp_path / "hostile.html"
    inside = opened(browser, path, spread(rich(), shift))
    assert set(inside["tags"]) <= set(plain["tags"])
    assert set(inside["names"]) <= set(plain["names"])
    assert not [each for each in inside["names"] if each.startswith("on") or each == "style"]
    for page in (plain, inside):
        assert (page["scripts"], page["pwned"], page["loaded"], page["frames"]) == (
            0, "undefined", 0, 0,
        )  # fmt: skip
        assert page["sheets"] == 1
    assert inside["address"] == path.resolve().as_uri()
    assert browser.log() == []
    assert not [each for each in inside["text"] if printable(each) != each and each not in "\n\t"]


def test_every_kind_is_seen_as_its_escaped_text(browser: Browser, tmp_path: Path) -> None:
    """Each of the 42 stands somewhere as a whole, with its hidden characters as escapes."""
    seen: set[str] = set()
    for shift in (0, 14, 28):
        seen |= set(opened(browser, tmp_path / "page.html", spread(rich(), shift))["cells"])
    for kind, value in KINDS.items():
        rest = len(value) - 300
        shown = printable(value[:300]) + (f"… {rest:,} more characters" if rest > 0 else "")
        assert shown in seen, kind


def test_the_real_command_on_hostile_rows(browser: Browser, tmp_path: Path) -> None:
    """Rows whose texts, sources and labels are hostile, against hostile real rows: a plain page."""
    texts = [each[:400] for name, each in KINDS.items() if name != "surrogates"]
    rows = [
        {"input": f"{text} {number}", "output": f"{number} {text}", "from": text, "label": text}
        for number in range(10)
        for text in texts
    ]
    source = write_rows(tmp_path / "rows.jsonl", rows[: len(rows) // 4])
    real = write_rows(tmp_path / "real.jsonl", rows)
    done = synthgate(
        "report", source, "--real", real, "--source-field", "from", "-q",
        "--html", tmp_path / "page.html", "--markdown", tmp_path / "page.md",
    )  # fmt: skip
    assert done.code == 0, done.err
    browser.show(tmp_path / "page.html")
    inside = browser.js(INSIDE)
    assert (inside["scripts"], inside["pwned"], inside["loaded"]) == (0, "undefined", 0)
    assert not [each for each in inside["names"] if each.startswith("on") or each == "style"]
    assert browser.log() == []
    assert "<script>window.pwned = 1</script>" in inside["cells"]
    assert "Six measures" in inside["text"]
    assert "\\u001b[31mred" in (tmp_path / "page.md").read_text()


def test_the_page_lets_nothing_in(browser: Browser, tmp_path: Path) -> None:
    """A script, a style attribute and a picture that somebody smuggles in are refused."""
    opened(browser, tmp_path / "page.html", rich())
    attempt = """
      const script = document.createElement("script");
      script.text = "window.pwned = 1";
      const image = document.createElement("img");
      image.src = "http://127.0.0.1:9/x.png";
      document.body.append(script, image);
      document.body.setAttribute("style", "color: rgb(1, 2, 3)");
      document.body.insertAdjacentHTML("beforeend", "<b onclick='window.pwned = 2'>x</b>");
      document.body.lastChild.click();
      return [typeof window.pwned, getComputedStyle(document.body).color];
    """
    pwned, colour = browser.js(attempt)
    assert pwned == "undefined" and colour != "rgb(1, 2, 3)"
    assert sum("Content Security Policy" in each for each in browser.log()) >= 3


@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("shift", [None, 9])
def test_the_page_is_never_wider_than_the_screen(
    browser: Browser, tmp_path: Path, width: int, shift: int | None
) -> None:
    """On a telephone and on a desk, with everything open: only tables scroll, within themselves."""
    browser.look(width=width)
    opened(browser, tmp_path / "page.html", rich() if shift is None else spread(rich(), shift))
    assert browser.js("return document.documentElement.scrollWidth") == width
    beyond = """
      const inside = (each) => each.closest(".scroll");
      return [...document.querySelectorAll("body *")].filter((each) =>
        !inside(each) && each.getBoundingClientRect().right > innerWidth + 1).length;
    """
    assert browser.js(beyond) == 0


def test_nothing_is_cut_off_on_paper(browser: Browser, tmp_path: Path) -> None:
    """On a sheet of A4, where nothing scrolls, every table fits between the margins."""
    browser.look(width=680, medium="print")
    opened(browser, tmp_path / "page.html", rich())
    assert browser.js("return document.documentElement.scrollWidth") == 680


def test_light_dark_and_paper_differ(browser: Browser, tmp_path: Path) -> None:
    """The page follows the reader's colours; on paper it is light and its tables stand open."""
    looks = {}
    for name, look in {
        "light": {}, "dark": {"dark": True}, "paper": {"dark": True, "medium": "print"},
    }.items():  # fmt: skip
        browser.look(width=1000, **look)
        (tmp_path / "page.html").write_bytes(html(rich()).encode())
        browser.show(tmp_path / "page.html")
        looks[name] = browser.js(
            """
            const row = document.querySelector("details tbody tr");
            return [getComputedStyle(document.body).backgroundColor,
                    getComputedStyle(document.querySelector(".bar")).fill,
                    row.checkVisibility({contentVisibilityAuto: true})];
            """
        )
    assert looks["light"][0] == "rgb(247, 247, 244)" and looks["paper"][0] == "rgb(255, 255, 255)"
    assert len({each[0] for each in looks.values()}) == 3
    assert looks["light"][1] != looks["dark"][1]
    assert [looks[name][2] for name in ("light", "dark", "paper")] == [False, False, True]
