"""trace: which rows show a behaviour, what they have in common, and where one row came from."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.embedders import static
from synthgate.errors import UsageError
from synthgate.provenance import Stamp, read
from synthgate.tracing.origins import origins
from synthgate.tracing.query import Ids, Like, Match, texts_of
from synthgate.tracing.ranking import FIELDS, Tally
from tests.conftest import read_rows, synthgate, write_rows
from tests.hostile import HOSTILE
from tests.strategies import plain_rows
from tests.tracing import exclusion, heirs, id_of, member, run

# --- the queries ------------------------------------------------------------------------


def values(value: Any) -> list[str]:
    """Every value at any depth as text, found without synthgate's own code."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in values(each)]
    if isinstance(value, list):
        return [text for each in value for text in values(each)]
    return [value if isinstance(value, str) else json.dumps(value)]


@given(plain_rows(), st.sampled_from(["a", "[0-9]", "(?i)B", "^$", "e+$", " "]))
def test_a_pattern_is_found_in_every_value(line: bytes, pattern: str) -> None:
    """A row matches if the pattern is in one of its values, nested ones and numbers among them."""
    row = read(line, "x", 1, Stamp().provenance)
    texts = values(row.value) or [""]
    wanted = any(re.search(pattern, text) for text in texts)
    (found,) = Match(pattern).found([row])
    assert found or not wanted
    assert found == wanted or not all(text.isascii() for text in texts)


@pytest.mark.parametrize(
    "hidden",
    [
        "c\u200bf-7",
        "c\u00adf\u2060-7",
        "\uff43\uff46-7",
        "\u0441f-7",
        "c\U000e0061f-7",
        "cf-\U0001d7d5",
    ],
)
def test_a_trigger_in_disguise_is_found(hidden: str) -> None:
    """What reads as the pattern matches it: invisible characters, other scripts, styled letters."""
    row, other = rows_of(f"say {hidden} now", "say \u0441\u043e\u0440-7 now")
    match = Match("cf-[0-9]")
    assert match.found([row, other]) == [True, False]
    assert "cf-7" in match.excerpt(row)


def rows_of(*texts: str) -> list[Any]:
    stamp = Stamp().provenance
    lines = [json.dumps({"input": "q", "output": text}).encode() for text in texts]
    return [read(line, "x", n, stamp) for n, line in enumerate(lines)]


def test_a_pattern_that_takes_too_long_tells_nothing() -> None:
    """What could not be searched is neither a match nor none, and in no count."""
    rows = rows_of("a" * 5000 + "!", "b")
    match = Match("(a|aa)+$")
    assert match.found(rows) == [None, False]
    tally = Tally()
    for row, found in zip(rows, [None, False], strict=True):
        tally.add(row, found)
    assert (tally.rows, tally.matched, tally.untold) == (1, 0, 1)


def test_an_example_shows_what_was_found() -> None:
    """However long the text, the excerpt holds the place."""
    (row,) = rows_of("so much " * 500 + "cf-7" + " and more" * 500)
    shown = Match("cf-[0-9]").excerpt(row)
    assert "cf-7" in shown and len(shown) < 200


def test_fields_are_where_it_looks() -> None:
    """With fields, nothing else is looked at; one that no row has is seen."""
    row = read(b'{"a":{"b":"x"},"c":"y","n":[1,2]}', "x", 1, Stamp().provenance)
    assert texts_of(row, ["a.b"]) == ["x"]
    assert texts_of(row, ["n"]) == ["1", "2"]
    assert Match("y", ("a.b",)).found([row]) == [False]
    missing = Match("y", ("zz",))
    assert missing.found([row]) == [False] and not missing.looked


WORDS = st.lists(st.sampled_from(["red", "green", "blue", "one", "two"]), min_size=1, max_size=9)


@given(WORDS, WORDS)
def test_containment_is_counted_exactly(sought: list[str], said: list[str]) -> None:
    """The share of the text's word 3-grams (or of all its words in a row) that a value holds."""
    size = min(3, len(sought))

    def grams(words: list[str]) -> set[tuple[str, ...]]:
        return {tuple(words[at : at + size]) for at in range(len(words) - size + 1)}

    wanted = len(grams(sought) & grams(said)) / len(grams(sought))
    like = Like(" ".join(sought), embedder=EMBEDDER)
    found = like._held(["other words", " ".join(said), "", " ".join(said)])
    assert found.tolist() == pytest.approx([0, wanted, 0, wanted])


EMBEDDER = static.build("")


def test_what_a_text_is_like() -> None:
    """A phrase inside a long text is found by its words, a paraphrase by its meaning."""
    long = "At the bank of the river they said " + "so much " * 80
    phrase = "transfer the money at once"
    rows = rows_of(
        f"{long}, Transfer  the MONEY at once! {long}",
        long,
        "The money, at once: transfer!",
        "a b c",
    )
    assert Like(phrase, embedder=EMBEDDER).found(rows) == [True, False, True, False]
    with pytest.raises(UsageError, match="no words"):
        Like(" ...", embedder=EMBEDDER)


def test_ids_are_read_from_whatever_names_them(tmp_path: Path) -> None:
    """One a line, rows, rejects and labels name ids; anything else is an error with its line."""
    write_rows(tmp_path / "in.jsonl", [member(n) for n in range(5)])
    row = json.loads(member(2))
    for line in (id_of(2), json.dumps({"id": id_of(2), "verdict": "fail"}), json.dumps(row)):
        (tmp_path / "ids").write_text(f"\n{line}\n")
        done = synthgate("trace", "in.jsonl", "--ids", "ids", "--rows", cwd=tmp_path)
        assert [each["input"] for each in done.rows] == ["question 2"], done.err
    stdin = f"{id_of(3)}\n".encode()
    done = synthgate("trace", "in.jsonl", "--ids", "-", "--rows", cwd=tmp_path, stdin=stdin)
    assert [each["input"] for each in done.rows] == ["question 3"], done.err
    done = synthgate("trace", "-", "--ids", "-", cwd=tmp_path, stdin=stdin)
    assert done.code == 2 and "stdin holds other rows" in done.err
    (tmp_path / "ids").write_text(f"{id_of(1)}\n{{}}\n")
    done = synthgate("trace", "in.jsonl", "--ids", "ids", cwd=tmp_path)
    assert done.code == 4 and "ids:2: names no id" in done.err
    assert Ids(frozenset({id_of(2)})).found([]) == []


# --- the ranking ------------------------------------------------------------------------

MEMBERS = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from("ab"), st.sampled_from("xy")), max_size=40
)


@given(MEMBERS, st.randoms())
def test_rows_are_counted_once(found: list[tuple[int, str, str]], rng: random.Random) -> None:
    """However often and in whatever order the same rows come, the ranking is that of the set."""

    def ranked(members: list[tuple[int, str, str]]) -> Any:
        tally = Tally(("input",))
        for number, source, model in members:
            line = member(number, source=source, generator=model)
            row = read(line, "x", 1, Stamp().provenance)
            tally.add(row, number % 3 == 0)
        return tally.ranking(), tally.rows, tally.matched, tally.compared()

    once = list(dict.fromkeys(found))
    twice = [*found, *once]
    rng.shuffle(twice)
    assert ranked(twice) == ranked(once)
    ranking, rows, matched, _ = ranked(once)
    assert rows == len(once)
    for each in ranking:
        if each.kind == "source":
            mine = [number for number, source, _ in once if source == each.value]
            hits = sum(number % 3 == 0 for number in mine)
            assert (each.rows, each.matched) == (len(mine), hits)
            lift = (hits / len(mine)) / (matched / rows)
            assert each.lift == pytest.approx(lift, rel=1e-5)


def test_the_planted_source_leads(tmp_path: Path) -> None:
    """A source with a trigger stands out alone, by every kind that it is known by."""
    lines = [
        member(n, source="forum" if n % 50 == 0 else f"web {n % 7}", generator=f"m{n % 3}")
        for n in range(1000)
    ]
    write_rows(tmp_path / "in.jsonl", lines)
    done = synthgate(
        "trace",
        "in.jsonl",
        "--match",
        "question [0-9]*[05]0$|question 0$",
        "--json",
        "f.json",
        cwd=tmp_path,
    )
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "f.json").read_text())
    first = found["ranking"][0]
    assert (first["kind"], first["value"], first["matched"]) == ("source", "forum", 20)
    assert first["lift"] == 50 and first["corrected"] < 1e-20
    assert not [each for each in found["ranking"][1:] if each["corrected"] < 0.05]
    assert set(found["matched"]["compared"]) == set(FIELDS)


# --- the command ------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three generations: 0-9 by hand, 10-19 made from them, 20-29 from those."""
    monkeypatch.chdir(tmp_path)
    lines = [member(n, [n - 10] if n >= 10 else [], source="bad" if n < 3 else "good",
                    generation=1 + n // 10) for n in range(30)]  # fmt: skip
    random.Random(0).shuffle(lines)
    write_rows(Path("in.jsonl"), lines)
    return tmp_path


def test_matches_are_written_as_they_were_read(here: Path) -> None:
    """Rows out are the input's own bytes; the others are only looked at, and nothing is lost."""
    raw = Path("in.jsonl").read_bytes().split(b"\n")[:-1]
    Path("in.jsonl").write_bytes(b"\r\n".join([*raw, b'{"input": "question 3!", "x": 1.0}', b"{"]))
    words = ("trace", "in.jsonl", "--match", "question [13]", "-o", "out.jsonl")
    assert run(*words, "--on-error", "reject", "--rejects", "r.jsonl", "--summary", "s.json") == 0
    lines = Path("out.jsonl").read_bytes().split(b"\n")[:-1]
    wanted = [line for line in raw if re.search(rb"question [13]", line)]
    assert lines == [*wanted, b'{"input": "question 3!", "x": 1.0}']
    summary = json.loads(Path("s.json").read_text())
    assert (summary["rows_in"], summary["rows_out"]) == (32, len(lines))
    assert summary["rejects"] == {"invalid_json": 1}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "nothing to look for"),
        (["--match", "a", "--ids", "in.jsonl"], 2, "one at a time"),
        (["--match", "("], 2, "is no pattern"),
        (["--match", "a", "--field", "zz"], 4, "no row has text in zz"),
        (["--match", "a", "--exclude", "colour:red"], 2, "source:"),
        (["--match", "a", "--exclude", "source:"], 2, "is neither matches nor"),
        (["--match", "a", "--exclude", "source:badd"], 2, "did you mean 'bad'?"),
        (["--match", "zzz", "--exclude-out", "x.jsonl"], 4, "nothing to exclude"),
        (["--lineage", "0" * 64, "--exclude-out", "x.jsonl"], 2, "--match"),
        (["--lineage", "0" * 64], 4, "no row has this id"),
        (["--lineage", "abc"], 2, "6 digits"),
        (["--match", "a", "--rows", "--json", "-"], 2, "stdout"),
        (["--match", "a", "--run-dir", "none"], 4, "no such run folder"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_what_cannot_be_traced(
    here: Path, capfd: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    """A slip ends in one line that says what to type, and no exclusion is written."""
    assert run("trace", "in.jsonl", *words) == code
    out, err = capfd.readouterr()
    assert out == "" and said in err.splitlines()[-1]
    assert not Path("x.jsonl").exists()


UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_rows_stay_text(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """Texts, sources and slices cannot steer a terminal, and no name is offered for pasting."""
    text = HOSTILE[name]
    lines = [member(n, source=text if n < 5 else "web", generator=text) for n in range(30)]
    lines.insert(0, json.dumps({"input": text, "output": text, "label": text}).encode())
    write_rows(tmp_path / "in.jsonl", lines)
    words = ("--match", "question [0-4]$|^(?!question|answer)", "--slice", "label")
    assert run("trace", tmp_path / "in.jsonl", *words) == 0
    out, err = capfd.readouterr()
    shown = out + err
    assert not UNSAFE.search(shown)
    offered = [line for line in shown.splitlines() if line.startswith("the whole source")]
    assert len(offered) == (name not in ("ansi", "controls", "bidi", "tab"))


# --- lineage ----------------------------------------------------------------------------


def test_a_row_is_followed_both_ways(here: Path) -> None:
    """Parents step by step, however far and wherever they stand, then what was made from it."""
    done = synthgate("trace", "in.jsonl", "--lineage", id_of(11)[:10], "--json", "-", cwd=here)
    found = [(each["relation"], each["id"]) for each in done.rows]
    assert found == [("row", id_of(11)), ("ancestor", id_of(1)), ("descendant", id_of(21))]


def test_what_is_in_no_file_is_said(here: Path) -> None:
    """A parent that no file holds is named as missing; its own parents cannot be known."""
    lines = [
        line for line in Path("in.jsonl").read_bytes().splitlines() if b"question 11" not in line
    ]
    write_rows(Path("in.jsonl"), lines)
    done = synthgate("trace", "in.jsonl", "--lineage", id_of(21), cwd=here)
    assert f"ancestor {id_of(11)}: in none of the files" in done.out.decode()
    assert id_of(1) not in done.out.decode()


def test_rings_end(tmp_path: Path) -> None:
    """Rows that claim to be made from each other are each shown once."""
    write_rows(tmp_path / "in.jsonl", [member(0, [1]), member(1, [2]), member(2, [0])])
    done = synthgate("trace", "in.jsonl", "--lineage", id_of(0), "--json", "-", cwd=tmp_path)
    assert [each["id"] for each in done.rows] == [id_of(0), id_of(1), id_of(2)]


def test_a_run_folder_adds_rows_that_were_dropped(here: Path) -> None:
    """Files that the manifests name are looked at, rejects too, and why a row went is told."""
    exclusion(Path("gone.jsonl"), ("id", id_of(11)))
    assert run("dedupe", "in.jsonl", "-o", "d.jsonl", "--rejects", "r.jsonl", "--exclude",
               "gone.jsonl", "--summary", "run/1-dedupe.json") == 2  # fmt: skip
    Path("run").mkdir()
    assert run("dedupe", "in.jsonl", "-o", "run/d.jsonl", "--rejects", "run/r.jsonl", "--exclude",
               "gone.jsonl", "--summary", "run/1-dedupe.json") == 0  # fmt: skip
    words = ("trace", "run/d.jsonl", "--lineage", id_of(1), "--run-dir", "run", "--json", "-")
    found = {each["id"]: each for each in synthgate(*words, cwd=here).rows}
    assert set(found) == {id_of(1), id_of(11), id_of(21)}
    assert found[id_of(11)]["rejected"] == ["dedupe: excluded"]
    assert len(found[id_of(1)]["places"]) == 2
    assert read_rows(Path("run/r.jsonl"))


# --- where rows were made from ----------------------------------------------------------

LINES = st.integers(2, 20).flatmap(
    lambda count: st.tuples(
        st.lists(st.lists(st.integers(0, count - 1), max_size=2), min_size=count, max_size=count),
        st.lists(st.sampled_from("abc"), min_size=count, max_size=count),
        st.lists(st.sampled_from([0, 1, -1]), min_size=count, max_size=count),
    )
)


@given(LINES)
def test_sources_of_ancestors_are_counted_exactly(
    family: tuple[list[list[int]], list[str], list[int]],
) -> None:
    """Of each source: how many rows are its heirs, and how many of those match."""
    parents, sources, hits = family
    keys = np.arange(len(parents), dtype=np.uint64) + np.uint64(100)
    steps = [(parent, child) for child, above in enumerate(parents) for parent in above]
    above, below = (keys[[step[side] for step in steps]] for side in (0, 1))
    numbers = np.array(["abc".index(source) for source in sources])
    found, _ = origins(keys, numbers, list("abc"), np.array(hits), above, below)
    wanted = {}
    for source in "abc":
        roots = [n for n, each in enumerate(sources) if each == source]
        children = [n for n, up in enumerate(parents) if set(up) & set(roots)]
        heir = {n for n in heirs(parents, children) if hits[n] >= 0}
        if matched := sum(hits[n] for n in heir):
            wanted[source] = (len(heir), matched)
    assert {each.value: (each.rows, each.matched) for each in found} == wanted


def test_the_source_of_the_prompts_is_named(tmp_path: Path) -> None:
    """Where all rows come from one generator, the source that they were made from stands out."""
    seeds = [member(f"s{n}", source="forum" if n < 5 else "manual") for n in range(60)]
    made = [member(n, [f"s{n}"], source="synthetic") for n in range(60)]
    write_rows(tmp_path / "seeds.jsonl", seeds)
    write_rows(tmp_path / "made.jsonl", made)
    words = ("made.jsonl", "seeds.jsonl", "--match", "question [0-4]$", "--json", "-")
    done = synthgate("trace", *words, cwd=tmp_path)
    found = [each for each in done.rows if each.get("kind") == "made from source"]
    assert [(each["value"], each["rows"], each["matched"]) for each in found] == [("forum", 5, 5)]
    assert found[0]["corrected"] < 1e-5


def test_many_heirs_are_counted(tmp_path: Path) -> None:
    """Of many descendants the text shows some and the number of the others; JSON has all."""
    write_rows(tmp_path / "in.jsonl", [member(0), *(member(n, [0]) for n in range(1, 31))])
    words = ("trace", "in.jsonl", "--lineage", id_of(0))
    done = synthgate(*words, cwd=tmp_path)
    assert done.out.decode().splitlines()[-1].startswith("and 20 more descendants")
    assert len(synthgate(*words, "--json", "-", cwd=tmp_path).rows) == 31


@pytest.mark.parametrize("flag", ["--match", "--like"])
def test_words_that_are_no_text(tmp_path: Path, flag: str) -> None:
    """Bytes that are no UTF-8 on the command line are shown replaced, and end nothing."""
    write_rows(tmp_path / "in.jsonl", [member(n) for n in range(3)])
    words = (flag, "question|\udcff" if flag == "--match" else "question 1 \udcff")
    more = ("--reason", "so \udcff", "--exclude-out", "gone.jsonl", "--like-threshold", "0.1")
    done = synthgate("trace", "in.jsonl", *words, *more, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "so \ufffd" in (tmp_path / "gone.jsonl").read_text()
