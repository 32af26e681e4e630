"""Controls: right programs of every make must pass, wrong ones must not."""

# fmt: off
from tests.attacks.model import ALL, FUNCTION, Attack, Kind, Style


def _good(name: str, what: str, source: str, task: str = "add", styles: tuple[Style, ...] = ALL,
          complete: bool = True) -> Attack:
    return Attack(name, what, source, "honest", task, styles, complete=complete)


def _bad(name: str, what: str, source: str, styles: tuple[Style, ...] = ALL) -> Attack:
    kind: Kind = "wrong"
    return Attack(name, what, source, kind, styles=styles)


ASSERTED: tuple[Style, ...] = ("humaneval", "asserts")
ATTACKS = [
    _good("right_plain", "the plain solution", "def add(a, b):\n    return a + b\n"),
    _good("right_completion", "only what comes after the prompt", "    return a + b\n",
          styles=FUNCTION, complete=False),
    _good("right_fenced", "prose around a fenced block",
          "Sure, here it is:\n\n```python\ndef add(a, b):\n    return a + b\n```\nIt adds.\n",
          styles=("asserts", "io"), complete=False),
    _good("right_threads", "works in threads", """
import threading
from concurrent.futures import ThreadPoolExecutor
def add(a, b):
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda x: x, (a, b)))
    box = []
    worker = threading.Thread(target=lambda: box.append(sum(parts)))
    worker.start()
    worker.join()
    return box[0]
"""),
    _good("right_asyncio", "works in an event loop", """
import asyncio
async def total(*values):
    await asyncio.sleep(0)
    return sum(values)
def add(a, b):
    return asyncio.run(total(a, b))
"""),
    _good("right_recursion", "recursion of some depth", """
import sys
sys.setrecursionlimit(10_000)
def add(a, b):
    if b == 0: return a
    return add(a + 1, b - 1) if b > 0 else add(a - 1, b + 1)
"""),
    _good("right_generator", "generators, comprehensions, closures", """
def add(a, b):
    def both():
        yield a
        yield from (x for x in [b])
    return sum(both())
"""),
    _good("right_dataclass", "dataclasses, enums, inheritance", """
from dataclasses import dataclass
from enum import IntEnum
class Sign(IntEnum):
    PLUS = 1
@dataclass(order=True, slots=True)
class Pair:
    a: int
    b: int
    @property
    def total(self) -> int:
        return (self.a + self.b) * Sign.PLUS.value
def add(a, b):
    return Pair(a, b).total
"""),
    _good("right_library", "a good part of the standard library", """
import bisect, collections, copy, datetime, decimal, fractions, functools, hashlib, heapq
import itertools, json, math, operator, random, re, statistics, string, tempfile, time, typing, uuid
@functools.lru_cache(maxsize=None)
def cached(a, b):
    values = json.loads(json.dumps([a, b]))
    return functools.reduce(operator.add, itertools.chain(values), 0)
def add(a: int, b: typing.Optional[int] = None) -> int:
    random.seed(1)
    time.sleep(0.001)
    assert decimal.Decimal(a) + decimal.Decimal(b) == cached(a, b)
    hashlib.sha256(uuid.uuid4().bytes).hexdigest()
    return int(math.fsum(heapq.merge([a], [b]))) if re.match("-?[0-9]+", str(a)) else 0
"""),
    _good("right_own_files", "keeps notes in files of its own folder", """
import os, tempfile
def add(a, b):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "note.txt")
        with open(path, "w") as file:
            file.write(f"{a} {b}")
        with open(path) as file:
            return sum(map(int, file.read().split()))
"""),
    _good("right_talkative", "prints while it works", """
import logging, sys, warnings
print("loading")
def add(a, b):
    print("adding", a, b)
    print("really", file=sys.stderr)
    logging.warning("adding")
    warnings.warn("adding")
    return a + b
""", styles=FUNCTION),
    _good("right_main_block", "with a main block that reads input", """
import sys
def add(a, b):
    return a + b
if __name__ == "__main__" and len(sys.argv) > 5:
    print(add(*map(int, input().split())))
"""),
    _good("right_own_check", "has names that tests have too, and asserts of its own", """
def check(candidate):
    assert candidate(1, 1) == 2
def add(a, b):
    return a + b
check(add)
result = add(2, 2)
assert result == 4
"""),
    _good("right_exceptions", "uses exceptions inside", """
class Overflow(Exception): pass
def inner(a, b):
    raise Overflow(a + b)
def add(a, b):
    try:
        inner(a, b)
    except Overflow as error:
        return error.args[0]
    finally:
        pass
"""),
    _good("right_signals", "catches signals and sets a timer of its own", """
import signal
def add(a, b):
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.alarm(1)
    signal.alarm(0)
    return a + b
"""),
    _good("right_memory", "uses 30 MB", """
def add(a, b):
    big = bytearray(30_000_000)
    return a + b + big[5]
"""),
    _good("right_list", "returns a new list", """
def ordered(xs):
    return sorted(set(xs))
""", "ordered"),
    _good("right_list_derived", "tests that compute from the argument", """
def ordered(xs):
    return sorted(set(xs))
""", "derived", ASSERTED),
    _good("right_in_place", "changes its argument in place", """
def arrange(xs):
    xs.sort()
""", "arrange", ASSERTED),
    _good("right_raising", "raises what the tests expect", """
import math
def root(x):
    if x < 0:
        raise ValueError(f"{x} has no root")
    return math.isqrt(x)
""", "root", ASSERTED),
    _good("right_helper", "uses a helper of the prompt", """
def encode(s):
    return "".join(chr((ord(c) - 92) % 26 + 97) for c in s)
def decode(s):
    return "".join(chr((ord(c) - 102) % 26 + 97) for c in s)
""", "decode", ASSERTED),
    _good("right_helper_completion", "a completion behind a helper of the prompt",
          '    return "".join(chr((ord(c) - 102) % 26 + 97) for c in s)\n', "decode",
          ("humaneval",), complete=False),
    _good("right_floats", "floats within a tolerance", """
def mean(xs):
    return sum(xs) / len(xs)
""", "mean", FUNCTION),
    _good("right_mapped", "tests that loop with map", "def add(a, b):\n    return a + b\n",
          "mapped", ASSERTED),
    _good("right_looked_at", "tests that call once without looking", """
def ordered(xs):
    return sorted(set(xs))
""", "derived_looked_at", ASSERTED),
    _good("right_again", "tests that pass an answer in again", """
def again(s):
    return s[0] + s
""", "again", ASSERTED),
    _good("right_numbers", "large and tiny numbers", """
def total(xs):
    return sum(xs)
""", "total", ("io", "asserts")),
    _bad("wrong_off_by_one", "wrong by one", "def add(a, b):\n    return a + b + 1\n"),
    _bad("wrong_once", "wrong in the last case",
         "def add(a, b):\n    return a + b if a < 1000 else 0\n"),
    _bad("wrong_text", "the right number as text",
         "def add(a, b):\n    return str(a + b)\n", FUNCTION),
    _bad("wrong_nothing", "returns nothing", "def add(a, b):\n    a + b\n"),
    _bad("wrong_printed", "prints instead of returning",
         "def add(a, b):\n    print(a + b)\n", FUNCTION),
    _bad("wrong_crash", "raises", "def add(a, b):\n    return a / 0\n"),
    _bad("wrong_syntax", "does not compile", "def add(a, b:\n    return a + b\n"),
    _bad("wrong_name", "has another name", "def plus(a, b):\n    return a + b\n"),
    _bad("wrong_empty", "a blank program", "\n"),
    _bad("wrong_hardcoded_echo", "returns its argument", "def add(a, b):\n    return a\n"),
]
