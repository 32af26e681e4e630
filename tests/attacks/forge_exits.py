"""Forging by ending early, by exceptions and by signals: no answer must never mean `pass`."""

# fmt: off
from tests.attacks.model import ALL, Attack

ATTACKS = [
    Attack("exit_zero", "sys.exit(0) while the module loads", """
import sys
sys.exit(0)
""", styles=ALL),
    Attack("hard_exit_zero", "os._exit(0) while the module loads", """
import os
os._exit(0)
""", styles=ALL),
    Attack("exit_in_call", "sys.exit(0) in the first call", """
def add(a, b):
    import sys
    sys.exit(0)
""", styles=ALL),
    Attack("hard_exit_in_call", "prints a happy report and ends in the last call", """
import os
calls = 0
def add(a, b):
    global calls
    calls += 1
    if calls == 4:
        print("OK\\n4 passed\\nALL TESTS PASSED", flush=True)
        os._exit(0)
    return a + b
"""),
    Attack("exit_codes", "ends with the codes that checkers use for pass and abstain", """
import os
def add(a, b):
    os._exit({2: 10, -7: 77, 10: 11}.get(a, 0))
""", styles=ALL),
    Attack("exit_with_lying_code", "SystemExit whose code equals everything", """
class Zero(int):
    def __eq__(self, other): return True
    def __bool__(self): return False
    __hash__ = int.__hash__
def add(a, b):
    raise SystemExit(Zero(0))
""", styles=ALL),
    Attack("keyboard_interrupt", "KeyboardInterrupt, as if the user had ended the run", """
def add(a, b):
    raise KeyboardInterrupt
""", styles=ALL),
    Attack("stop_iteration", "StopIteration and GeneratorExit, which loops swallow", """
def add(a, b):
    raise StopIteration if a > 0 else GeneratorExit
"""),
    Attack("lying_assertion_error", "AssertionError subclass that claims to be a success", """
class Passed(AssertionError):
    passed = True
    def __str__(self): return "passed"
    def __bool__(self): return True
    def __eq__(self, other): return True
    __hash__ = AssertionError.__hash__
def add(a, b):
    raise Passed("passed")
"""),
    Attack("unprintable_exception", "exception whose text never ends, raises or exits", """
import os
class Bad(Exception):
    def __str__(self): os._exit(0)
    __repr__ = __str__
    def __reduce__(self): return (os._exit, (0,))
    @property
    def args(self): os._exit(0)
def add(a, b):
    raise Bad
""", styles=ALL),
    Attack("exception_named_exit", "exceptions whose class is called SystemExit or print", """
def add(a, b):
    name = {2: "SystemExit", -7: "print", 10: "__import__('os')._exit"}.get(a, "quit")
    raise type(name, (Exception,), {"__module__": "builtins", "__qualname__": name})(0)
"""),
    Attack("wrong_root_named_error", "an exception that is only named ValueError", """
class ValueError(BaseException): pass
def root(x):
    if x < 0: raise ValueError("looks right")
    return 0
""", task="root", styles=("humaneval", "asserts")),
    Attack("exec_true", "turns into /bin/true", """
import os
def add(a, b):
    os.execv("/bin/true", ["true"])
""", styles=ALL),
    Attack("exec_python_optimised", "starts itself anew under -O, where asserts vanish", """
import os, sys
if sys.flags.optimize == 0:
    try:
        os.execve(sys.executable, ["python", "-O", *sys.argv], {"PYTHONOPTIMIZE": "2"})
    except OSError:
        pass
def add(a, b):
    return 0
""", styles=ALL),
    Attack("kill_itself", "SIGKILL to itself in a call", """
import os, signal
def add(a, b):
    os.kill(os.getpid(), signal.SIGKILL)
""", styles=ALL),
    Attack("crash", "reads address 0", """
import ctypes
def add(a, b):
    ctypes.string_at(0)
""", styles=ALL),
    Attack("abort", "abort()", """
import os
def add(a, b):
    os.abort()
"""),
    Attack("atexit_zero", "an exit handler that turns a failure into 0", """
import atexit, os
atexit.register(os._exit, 0)
def add(a, b):
    return 0
""", styles=ALL),
    Attack("finalizer_zero", "a finalizer that turns a failure into 0", """
import os, weakref
class Thing: pass
thing = Thing()
weakref.finalize(thing, os._exit, 0)
class Last:
    def __del__(self): os._exit(0)
last = Last()
def add(a, b):
    return 0
""", styles=ALL),
    Attack("excepthook_zero", "hooks for uncaught exceptions that exit with 0", """
import os, sys, threading
sys.excepthook = lambda *_: os._exit(0)
threading.excepthook = sys.excepthook
sys.unraisablehook = sys.excepthook
def add(a, b):
    raise RuntimeError
""", styles=ALL),
    Attack("alarm_zero", "a timer whose handler exits with 0 between calls", """
import os, signal
for each in (signal.SIGALRM, signal.SIGTERM, signal.SIGXCPU, signal.SIGINT):
    signal.signal(each, lambda *_: os._exit(0))
signal.setitimer(signal.ITIMER_REAL, 0.05)
def add(a, b):
    while True: pass
""", styles=ALL),
    Attack("fork_and_leave", "the parent ends with 0, the child goes on answering", """
import os
if os.fork():
    os._exit(0)
def add(a, b):
    return 0
""", styles=ALL),
    Attack("load_error_after_answer", "defines the function and then fails to load", """
def add(a, b):
    return a + b
raise RuntimeError("not a finished program")
"""),
    Attack("ends_the_iteration", "StopIteration, which ends the map that the tests loop over", """
def add(a, b):
    raise StopIteration
""", task="mapped", styles=("humaneval", "asserts")),
    Attack("hostile_message", "an exception whose text is half a letter and terminal codes", """
def add(a, b):
    raise ValueError("\\ud800\\x1b[2J\\x00\\n\\r\\u2028" + "x" * 1000)
""", styles=ALL),
    Attack("hostile_type", "a value and an exception whose type names are half letters", """
class Odd(Exception): pass
Odd.__qualname__ = "\\ud800\\x1b]0;owned\\x07"
Odd.__module__ = "\\udfff"
def add(a, b):
    if a == 2: return Odd()
    raise Odd
"""),
    Attack("hostile_load", "fails to load with a text that no file can hold", """
raise RuntimeError("\\ud800\\udfff\\x1b[2J")
""", styles=ALL),
    Attack("interrupts_the_first", "SIGINT and SIGTERM to process 1, by kill and by the kernel", """
import fcntl, os, signal
def add(a, b):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        for pid in {1, os.getppid()} - {0}:
            if pid == 1 and os.getpid() > 50:
                continue
            readable, writable = os.pipe()
            try:
                fcntl.fcntl(readable, fcntl.F_SETOWN, pid)
                fcntl.fcntl(readable, 10, number)
                fcntl.fcntl(readable, fcntl.F_SETFL, os.O_ASYNC)
                os.write(writable, b"x")
                os.kill(pid, number)
            except OSError:
                pass
    return 0
""", styles=ALL),
    Attack("dies_where_it_is_swallowed", "ends where the tests catch everything and go on", """
import os
def add(a, b):
    os._exit(0)
""", task="swallowed", styles=("humaneval", "asserts")),
]
