"""An exclusion from trace to blend: what is excluded goes and stays gone, with all made from it."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthgate.descent import Barred, Heirs, excluded, kin_of
from synthgate.exclusions import Exclusion, read
from synthgate.rows import Provenance
from tests import auditing
from tests.auditing import REAL
from tests.chat_server import ChatServer
from tests.conftest import read_rows, synthgate, write_rows
from tests.tracing import exclusion, heirs, id_of, ids_in, member, run

# --- descent ----------------------------------------------------------------------------

FAMILIES = st.integers(1, 24).flatmap(
    lambda count: st.tuples(
        st.lists(st.lists(st.integers(0, count - 1), max_size=3), min_size=count, max_size=count),
        st.lists(st.sampled_from("abc"), min_size=count, max_size=count),
    )
)
Family = tuple[list[list[int]], list[str]]


@given(FAMILIES, st.integers(1, 4), st.sets(st.integers(0, 23)), st.randoms())
def test_the_closure_is_exact(
    family: Family, parts: int, ids: set[int], rng: random.Random
) -> None:
    """Named rows and their heirs go, no other: in any order, cut into any parts, rings or not."""
    parents, sources = family
    count = len(parents)
    order = rng.sample(range(count), count)
    rows = [
        Provenance(id_of(n), source=sources[n], parents=" ".join(id_of(p) for p in parents[n]))
        for n in order
    ]
    listed = [Exclusion("source", "a"), *(Exclusion("id", id_of(n)) for n in ids)]
    barred = Barred(listed)
    cuts = [rows[at * count // parts : (at + 1) * count // parts] for at in range(parts)]
    found = excluded([kin_of(cut, barred) for cut in cuts], barred)
    roots = ids | {n for n in range(count) if sources[n] == "a"}
    wanted = heirs([*parents, *([] for _ in range(24 - count))], roots)
    assert {order[number] for number in found} == {n for n in wanted if n < count}
    for number, why in found.items():
        named = order[number] in roots
        assert why.startswith(("source a", "id ") if named else "made from ")


@given(FAMILIES)
def test_row_by_row_is_the_same_where_parents_come_first(family: Family) -> None:
    """`generate` sees parents before children, and drops the same rows."""
    parents, sources = family
    parents = [[each for each in above if each < n] for n, above in enumerate(parents)]
    rows = [
        Provenance(str(n), source=sources[n], parents=" ".join(map(str, parents[n])))
        for n in range(len(parents))
    ]
    barred = Barred([Exclusion("source", "a")])
    seen = Heirs(barred)
    assert {n for n, row in enumerate(rows) if seen.why(row)} == set(
        excluded([kin_of(rows, barred)], barred)
    )


def test_equal_bytes_are_one_row() -> None:
    """The same bytes from another source go, too: an id is all that is known later."""
    rows = [Provenance("x", source="good"), Provenance("x", source="bad")]
    barred = Barred([Exclusion("source", "bad", "r")])
    assert excluded([kin_of(rows, barred)], barred) == {
        0: "has the bytes of a row that is excluded", 1: "source bad: r",
    }  # fmt: skip


# --- written by trace -------------------------------------------------------------------


@given(FAMILIES, st.randoms())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_trace_writes_every_command_honours(
    tmp_path_factory: pytest.TempPathFactory, family: Family, rng: random.Random
) -> None:
    """trace, dedupe, blend and --verify-exclusion agree with the oracle, whatever the order."""
    parents, sources = family
    folder = tmp_path_factory.mktemp("family")
    lines = [member(n, above, source=sources[n]) for n, above in enumerate(parents)]
    rng.shuffle(lines)
    fed = write_rows(folder / "in.jsonl", lines)
    gone = {id_of(n) for n in heirs(parents, [n for n, s in enumerate(sources) if s == "a"])}
    if "a" not in sources:
        return
    words = ("trace", fed, "--match", "question", "--exclude", "source:a", "-q")
    assert run(*words, "--exclude-out", folder / "gone.jsonl", "--json", folder / "f.json") == 0
    listed, sealed = read("gone.jsonl", (folder / "gone.jsonl").read_text())
    assert sealed and {each.value for each in listed if each.kind == "id"} == gone
    assert run("trace", fed, "--verify-exclusion", folder / "gone.jsonl", "-q") == 3
    outputs = ("-o", folder / "out.jsonl", "--rejects", folder / "rej.jsonl", "-q")
    assert run("dedupe", fed, "--exclude", folder / "gone.jsonl", *outputs) == 0
    dropped = read_rows(folder / "rej.jsonl")
    assert {row["_synthgate"]["id"] for row in dropped} == gone
    assert {row["_reject"]["reason"] for row in dropped} == {"excluded"}
    assert ids_in(folder / "out.jsonl") == {id_of(n) for n in range(len(parents))} - gone
    left = run("trace", folder / "out.jsonl", "--verify-exclusion", folder / "gone.jsonl", "-q")
    assert left == (0 if len(gone) < len(parents) else 4)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three generations in any order; 0-2 are of a bad source, 10-12 and 20-22 made from them."""
    monkeypatch.chdir(tmp_path)
    lines = [
        member(n, [n - 10] if n >= 10 else [], source="bad" if n < 3 else "good") for n in range(30)
    ]
    random.Random(0).shuffle(lines)
    write_rows(Path("in.jsonl"), lines)
    return tmp_path


def trace(*words: str | Path) -> int:
    """Exclude the bad source of a file."""
    named = ("--exclude", "source:bad", "--exclude-out", "gone.jsonl", "--reason", "planted")
    return run("trace", *words, "--match", "question", *named, "--force", "-q", "--json", "f.json")


BAD = {id_of(n) for n in (0, 1, 2, 10, 11, 12, 20, 21, 22)}


def test_the_file_says_what_it_is_about(here: Path) -> None:
    """Query, reason, how many rows and which stand in the seal; the digest is that of the ids."""
    assert trace("in.jsonl") == 0
    head = json.loads(Path("gone.jsonl").read_text().split("\n")[0])
    wanted = {"match": "question"}, "planted", ["source:bad"], 9, 3, 6
    keys = ("query", "reason", "exclude", "ids", "named", "descendants")
    assert tuple(head[key] for key in keys) == wanted
    assert head["ids_digest"] == auditing.digest_of(BAD)
    first = Path("gone.jsonl").read_bytes()
    lines = Path("in.jsonl").read_bytes().splitlines()
    write_rows(Path("in.jsonl"), lines[::-1])
    assert trace("in.jsonl") == 0
    assert Path("gone.jsonl").read_bytes() == first


def test_a_changed_seal_is_refused(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A line cut off, or another query in the seal: 6, wherever the file is used."""
    assert trace("in.jsonl") == 0
    text = Path("gone.jsonl").read_text()
    for changed in (
        text[: text.rindex("\n", 0, -1) + 1], text.replace('"match":"question"', '"match":"x"'),
    ):  # fmt: skip
        Path("gone.jsonl").write_text(changed)
        for words in (("trace", "--verify-exclusion"), ("dedupe", "--exclude")):
            assert run(words[0], "in.jsonl", words[1], "gone.jsonl") == 6
            assert "cut or changed" in capfd.readouterr().err


def test_a_child_of_a_dropped_row_goes(here: Path) -> None:
    """The middle generation was rejected earlier: with its rejects as input its heirs are known."""
    exclusion(Path("middle.jsonl"), *(("id", id_of(n)) for n in range(10, 13)))
    lines = Path("in.jsonl").read_bytes().splitlines()
    middle = [line for line in lines if any(b'"question %d"' % n in line for n in range(10, 13))]
    write_rows(Path("first.jsonl"), middle)
    assert run("dedupe", "first.jsonl", "--exclude", "middle.jsonl", "-o", "o.jsonl",
               "--rejects", "rej.jsonl", "-q") == 0  # fmt: skip
    write_rows(Path("in.jsonl"), [line for line in lines if line not in middle])
    assert trace("in.jsonl", "rej.jsonl") == 0
    listed, _ = read("gone.jsonl", Path("gone.jsonl").read_text())
    assert {each.value for each in listed if each.kind == "id"} == BAD
    assert run("trace", "in.jsonl", "--verify-exclusion", "gone.jsonl", "--json", "l.json") == 3
    left = {each["id"] for each in json.loads(Path("l.json").read_text())["left"]}
    assert left == BAD - {id_of(n) for n in range(10, 13)}


def test_the_list_of_what_is_left(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each row that is left is named with its place, on stderr; -o has the rows, and 3 is told."""
    assert trace("in.jsonl") == 0
    capfd.readouterr()
    assert run("trace", "in.jsonl", "--verify-exclusion", "gone.jsonl", "-o", "left.jsonl") == 3
    out, err = capfd.readouterr()
    assert out == "" and {line.split()[2] for line in err.splitlines() if "left: " in line} == BAD
    assert ids_in(Path("left.jsonl")) == BAD
    write_rows(Path("empty.jsonl"), [])
    assert run("trace", "empty.jsonl", "--verify-exclusion", "gone.jsonl") == 4


# --- dedupe -----------------------------------------------------------------------------


def deduped(*words: str | Path, name: str = "d") -> tuple[bytes, bytes]:
    outputs = ("-o", f"{name}.jsonl", "--rejects", f"{name}.r.jsonl", "--force", "-q")
    assert run("dedupe", *words, *outputs, "--exclude", "gone.jsonl") == 0
    return Path(f"{name}.jsonl").read_bytes(), Path(f"{name}.r.jsonl").read_bytes()


def test_any_number_of_workers_drops_the_same(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a few rows, in one process or three: the same bytes, heirs of other pages too."""
    monkeypatch.setattr("synthgate.jsonl.paged._PAGE", 2000)
    lines = [*Path("in.jsonl").read_bytes().splitlines(), b'{"input":"x y","output":"plain"}'] * 2
    write_rows(Path("in.jsonl"), [*lines, *(member(n) for n in range(100, 160))])
    exclusion(Path("gone.jsonl"), ("source", "bad"))
    alone = deduped("in.jsonl", "--workers", "1")
    assert deduped("in.jsonl", "--workers", "3") == alone
    gone = [row for row in map(json.loads, alone[1].splitlines())
            if row["_reject"]["reason"] == "excluded"]  # fmt: skip
    assert {row["_synthgate"]["id"] for row in gone} == BAD and len(gone) == 18
    assert gone[0]["_reject"]["detail"].startswith(("source bad: poison", "made from "))


@pytest.mark.parametrize("kind", ["stdin", "gz", "json", "limit"])
def test_rows_without_provenance_go_by_their_file(here: Path, kind: str) -> None:
    """The source of unstamped rows is the name of their file, however it is read."""
    plain = [json.dumps({"input": f"q{n}", "output": f"own words {n}"}).encode() for n in range(6)]
    data = b"\n".join(plain)
    name, packed, words = {
        "stdin": ("stdin", data, ["-"]),
        "gz": ("web.jsonl.gz", gzip.compress(data), ["web.jsonl.gz"]),
        "json": ("web.json", b"[" + b",".join(plain) + b"]", ["web.json"]),
        "limit": ("web.jsonl", data, ["web.jsonl", "--limit", "4"]),
    }[kind]
    (here / name).write_bytes(packed)
    exclusion(Path("gone.jsonl"), ("source", name))
    done = synthgate("dedupe", *words, "--exclude", "gone.jsonl", "--summary", "s.json",
                     stdin=data, cwd=here)  # fmt: skip
    assert (done.code, done.out) == (0, b""), done.err
    summary = json.loads(Path("s.json").read_text())
    assert summary["rejects"] == {"excluded": 4 if kind == "limit" else 6}
    digest = hashlib.sha256(Path("gone.jsonl").read_bytes()).hexdigest()
    named = [each for each in summary["inputs"] if each.get("role") == "exclude"]
    assert [(each["path"], each["sha256"]) for each in named] == [("gone.jsonl", digest)]


def test_an_excluded_row_keeps_no_other_out(here: Path) -> None:
    """A row that repeats an excluded one stays: what goes first is no survivor."""
    row = json.loads(member(0).split(b',"_synthgate"')[0] + b"}")
    twin = auditing.stamped({**row, "output": row["output"].upper()}, source="good")
    write_rows(Path("in.jsonl"), [member(0, source="bad"), twin])
    exclusion(Path("gone.jsonl"), ("source", "bad"))
    kept, gone = deduped("in.jsonl")
    assert b"ANSWER" in kept and gone.count(b"\n") == 1


# --- generate ---------------------------------------------------------------------------


def generate(server: ChatServer, *words: str) -> int:
    outputs = ("-o", "made.jsonl", "--rejects", "rej.jsonl", "--summary", "s.json", "--force", "-q")
    asked = ("generate", "prompts.jsonl", "--base-url", server.url, "--model", "m", *words)
    return run(
        *asked, "--samples", "2", *outputs, "--exclude", "gone.jsonl", "--journal", "j.jsonl"
    )


@pytest.fixture
def prompts(here: Path) -> list[str]:
    """Three prompts, the second of a bad source and the third made from the second."""
    said = [{"prompt": f"tell me {n}"} for n in range(3)]
    ids = [hashlib.sha256(json.dumps(each).encode()).hexdigest() for each in said]
    lines = [
        auditing.stamped(each, REAL, source="bad" if n == 1 else "web", parents=ids[1] * (n == 2))
        for n, each in enumerate(said)
    ]
    write_rows(Path("prompts.jsonl"), lines)
    return ids


def test_excluded_seeds_are_not_asked(prompts: list[str]) -> None:
    """A seed that is excluded, or made from one, costs nothing and is one reject."""
    exclusion(Path("gone.jsonl"), ("source", "bad"))
    with ChatServer() as server:
        assert generate(server) == 0
        assert {each["prompt"] for each in server.requests} == {"tell me 0"}
    summary = json.loads(Path("s.json").read_text())
    assert (summary["rows_in"], summary["rows_out"], summary["rejects"]) == (4, 2, {"excluded": 2})
    details = [row["_reject"]["detail"] for row in read_rows(Path("rej.jsonl"))]
    assert details == ["source bad: poison", f"made from {prompts[1]}"]


def test_excluded_prompts_and_rows_do_not_come_back(prompts: list[str]) -> None:
    """What the journal would replay is rejected by its id; an excluded prompt is not asked."""
    exclusion(Path("gone.jsonl"), ("id", "0" * 64))
    with ChatServer() as server:
        assert generate(server) == 0
        made = [row["_synthgate"] for row in read_rows(Path("made.jsonl"))]
        of = {each["parents"]: each for each in made}
        exclusion(
            Path("gone.jsonl"), ("prompt", of[prompts[0]]["prompt"]), ("id", of[prompts[1]]["id"])
        )
        calls = server.calls
        assert generate(server) == 0
        assert server.calls == calls
        Path("j.jsonl").unlink()
        assert generate(server) == 0
        assert {each["prompt"] for each in server.requests[calls:]} == {"tell me 1", "tell me 2"}
    left = {row["_synthgate"]["id"] for row in read_rows(Path("made.jsonl"))}
    assert left == {each["id"] for each in made if each["parents"] != prompts[0]} - {
        of[prompts[1]]["id"]
    }
    reasons = [row["_reject"]["reason"] for row in read_rows(Path("rej.jsonl"))]
    assert reasons == ["excluded"] * 3


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [("generator", "m", ()), ("source", "synthetic", ()), ("source", "s", ("--source", "s"))],
)
def test_a_run_that_is_excluded_is_refused(
    prompts: list[str], capfd: pytest.CaptureFixture[str], kind: str, value: str, words: Any
) -> None:
    """An excluded generator or source ends with 3 before anything is paid for."""
    exclusion(Path("gone.jsonl"), (kind, value))
    with ChatServer() as server:
        assert generate(server, *words) == 3
        assert server.calls == 0
    assert f"{kind} {value}: poison" in capfd.readouterr().err
    assert not Path("made.jsonl").exists()


def test_the_same_settings_are_the_same_run(
    prompts: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """A run that is excluded cannot be made again; with another seed it is another one."""
    exclusion(Path("gone.jsonl"), ("id", "0" * 64))
    with ChatServer() as server:
        assert generate(server) == 0
        name = read_rows(Path("made.jsonl"))[0]["_synthgate"]["run"]
        exclusion(Path("gone.jsonl"), ("run", name))
        assert generate(server) == 3
        assert "another --seed" in capfd.readouterr().err
        assert generate(server, "--seed", "5") == 0
