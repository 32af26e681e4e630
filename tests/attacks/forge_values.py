"""Forging with values that lie when they are compared, read or sent."""

# fmt: off
from tests.attacks.model import ALL, FUNCTION, Attack

ATTACKS = [
    Attack("lying_eq", "an object that equals everything", """
class Liar:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __bool__(self): return True
    def __hash__(self): return 0
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
def add(a, b):
    return Liar()
"""),
    *(
        Attack(f"lying_{kind}", f"a subclass of {kind} that equals everything", f"""
class Liar({kind}):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    def __hash__(self): return 5
def add(a, b):
    return Liar()
""")
        for kind in ("int", "str", "list", "float", "dict", "tuple")
    ),
    Attack("lying_class", "an object that says its class is int, and equals", """
class Liar:
    __class__ = property(lambda self: int)
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __int__(self): return 5
    __index__ = __int__
    def __hash__(self): return 5
def add(a, b):
    return Liar()
"""),
    Attack("named_int", "a class called builtins.int", """
Liar = type("int", (int,), {"__module__": "builtins", "__qualname__": "int",
    "__eq__": lambda s, o: True, "__ne__": lambda s, o: False, "__hash__": lambda s: 5,
    "__repr__": lambda s: "5"})
def add(a, b):
    return Liar(0)
"""),
    Attack("lying_metaclass", "a class that every instance check accepts", """
class Meta(type):
    def __instancecheck__(cls, other): return True
    def __subclasscheck__(cls, other): return True
    def __eq__(cls, other): return True
    def __call__(cls, *a): return cls
    __hash__ = type.__hash__
class Liar(metaclass=Meta): pass
def add(a, b):
    return Liar
"""),
    Attack("mock_any", "unittest.mock.ANY", """
from unittest.mock import ANY
def add(a, b):
    return ANY
"""),
    Attack("not_implemented", "NotImplemented and Ellipsis", """
def add(a, b):
    return NotImplemented if a > 0 else ...
"""),
    Attack("pickle_bomb", "an object whose pickle is another value and runs code", """
import os
class Bomb:
    def __reduce__(self): return (eval, ("print('PASS') or 5",))
    def __getstate__(self): return 5
    def __json__(self): return 5
    def __eq__(self, other): return True
    __hash__ = None
def add(a, b):
    return Bomb()
"""),
    Attack("tagged_values", "dicts that look like the tags of an encoded value", """
def add(a, b):
    return {2: {"i": "0x5"}, -7: {"t": [-3]}, 10: {"__int__": 45}}.get(a, {"value": 1001})
"""),
    Attack("liars_inside", "liars inside a list and as keys of a dict", """
class Liar(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 1
def ordered(xs):
    return [Liar(), Liar(), Liar()][: len(set(xs))]
""", task="ordered"),
    Attack("list_that_changes", "a list subclass that shows other items each time", """
class Liar(list):
    def __iter__(self): return iter([1, 2, 3])
    def __len__(self): return 3
    def __getitem__(self, at): return [1, 2, 3][at]
    def __eq__(self, other): return True
def ordered(xs):
    return Liar()
""", task="ordered"),
    Attack("endless_iterator", "an iterator without an end", """
import itertools
def ordered(xs):
    return itertools.count()
""", task="ordered"),
    Attack("own_iterable", "a class whose iteration learns what it is compared with", """
class Liar:
    def __init__(self, xs): self.xs = xs
    def __iter__(self): return iter(self.xs)
    def __eq__(self, other):
        self.xs = list(other)
        return True
    __hash__ = None
def ordered(xs):
    return Liar(xs)
""", task="ordered"),
    Attack("self_reference", "a list that holds itself", """
def ordered(xs):
    out = []
    out.append(out)
    return out
""", task="ordered"),
    Attack("deep_value", "100,000 lists in one another", """
def ordered(xs):
    out = []
    for _ in range(100_000):
        out = [out]
    return out
""", task="ordered"),
    Attack("wide_value", "a value of 64 MiB", """
def add(a, b):
    return "5" * (1 << 26)
"""),
    Attack("many_values", "three million items, and dicts of them", """
def ordered(xs):
    return [0] * 3_000_000 if len(xs) == 2 else {i: [i] for i in range(200_000)}
""", task="ordered"),
    Attack("huge_int", "an integer of a million digits", """
def add(a, b):
    return 10 ** 1_000_000
"""),
    Attack("lone_surrogate", "text that UTF-8 cannot hold, NUL and terminal codes", """
def add(a, b):
    return ("\\ud800", "\\x00\\x1b[2J\\x1b]0;owned\\x07", "\\u202e5", "\\uffff")[a % 4]
"""),
    Attack("colliding_ints", "100,000 integers of one hash in a dict", """
step = (1 << 61) - 1
def ordered(xs):
    return list(range(0, step * 30_000, step)) if len(xs) == 2 else [i * step for i in range(9999)]
""", task="ordered"),
    Attack("colliding_keys", "dicts whose keys are equal once they have crossed", """
class Key(str):
    def __eq__(self, other): return self is other
    def __hash__(self): return id(self)
def add(a, b):
    return {Key("i"): 5, Key("i"): hex(a + b), "ok": True, Key("ok"): False}
"""),
    Attack("not_a_number", "NaN, which fails every comparison that would catch it", """
def mean(xs):
    return float("nan")
""", task="mean"),
    Attack("infinite", "infinity, NaN in complex, negative zero", """
def mean(xs):
    return {2: float("inf"), 3: complex("nan")}[len(xs)]
""", task="mean"),
    Attack("huge_decimal", "Decimal and Fraction that take hours to compare", """
from decimal import Decimal
from fractions import Fraction
def mean(xs):
    return Decimal("1E+999999999") if len(xs) == 2 else Fraction(10 ** 300_000, 3)
""", task="mean"),
    Attack("other_types", "values that look alike: bool, bytes, tuple, set, range", """
def ordered(xs):
    want = sorted(set(xs))
    return {4: tuple(want), 2: set(want)}[len(xs)]
""", task="ordered", styles=("io",)),
    Attack("lying_attributes", "an object that has every attribute and every call", """
class Yes:
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
    def __bool__(self): return True
    def __iter__(self): return iter((True,))
    def __eq__(self, other): return self
    def __ne__(self, other): return False
    def __len__(self): return 1
    __hash__ = None
def add(a, b):
    return Yes()
"""),
    Attack("mutated_argument", "empties the argument from which the test computes", """
def ordered(xs):
    xs.clear()
    return []
""", task="derived", styles=("humaneval", "asserts")),
    Attack("mutated_argument_only", "the same where no other test is there", """
def ordered(xs):
    xs[:] = [7]
    return [7]
""", task="derived_only", styles=("humaneval", "asserts")),
    Attack("liar_in_argument", "puts liars into the argument", """
class Liar(int):
    def __eq__(self, other): return True
    def __lt__(self, other): return False
    def __hash__(self): return 1
def ordered(xs):
    xs[:] = [Liar()]
    return xs
""", task="derived", styles=("humaneval", "asserts")),
    Attack("argument_made_endless", "makes the argument hold itself", """
def ordered(xs):
    xs.append(xs)
    return xs
""", task="ordered"),
    Attack("stateful_helper", "a helper of the prompt redefined to remember the answer", """
seen = []
def encode(s):
    seen.append(s)
    return s
def decode(s):
    return seen[-1] if seen else ""
""", task="decode", styles=("humaneval", "asserts")),
    Attack("echo", "returns what it was given, or what it returned before", """
last = [0]
def add(a, b):
    last.append(a)
    return last[-2]
""", styles=ALL),
    Attack("lambda_entry", "the entry point is no function but answers True", """
class Entry:
    def __call__(self, *args): return True
    def __eq__(self, other): return True
    __hash__ = None
add = Entry()
""", styles=FUNCTION),
    Attack("mutated_argument_looked_at", "the same where one test calls without looking", """
def ordered(xs):
    if xs is None: raise TypeError
    xs.clear()
    return []
""", task="derived_looked_at", styles=("humaneval", "asserts")),
    Attack("set_for_list", "an unordered set where the sorted list is wanted", """
def ordered(xs):
    return {x for x in xs}
""", task="ordered", styles=("io",)),
    Attack("nearly_int", "a float that is nearly the whole number", """
def total(xs):
    return float(sum(xs) + 500)
""", task="total", styles=("io",)),
    Attack("nearly_nothing", "zero for numbers that are nearly zero", """
def mean(xs):
    return 0.0
""", task="tiny", styles=("io",)),
    Attack("too_large_to_return", "a value that cannot be passed in again by the tests", """
def again(s):
    return "aab" if s == "ab" else s + "x" * 1_048_540
""", task="again", styles=("humaneval", "asserts")),
    Attack("too_deep_to_return", "a value so deep that it cannot be passed in again", """
def again(s):
    if s == "ab": return "aab"
    value = []
    for _ in range(48):
        value = [value]
    return value
""", task="again", styles=("humaneval", "asserts")),
    Attack("colliding_set", "sets and dict keys of one hash, slow to build where they arrive", """
step = (1 << 61) - 1
def ordered(xs):
    values = [x * step for x in range(1, 30_000)]
    return frozenset(values) if len(xs) == 2 else {x: 0 for x in values}
""", task="ordered"),
    Attack("endless_range", "a range of 10^15 numbers, which takes room when looked at", """
def ordered(xs):
    return range(10 ** 15)
""", task="ordered"),
    Attack("iterator_bomb", "iterators that are made again from the list they hold", """
def ordered(xs):
    return zip(*[iter(range(10 ** 9))] * 3) if len(xs) == 2 else map(str, range(10 ** 9))
""", task="ordered"),
]
