"""Forging on the wire: frames on every descriptor, answers before, beside and after a question."""

# fmt: off
from tests.attacks.model import ALL, FUNCTION, Attack

# Frames that a harness might take for a verdict or a value, in the usual framings.
FRAMES = """
import json, os, socket, stat, struct
def framed(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return [struct.pack("!I", len(data)) + data, struct.pack("<I", len(data)) + data,
            struct.pack("!Q", len(data)) + data, data + b"\\n"]
def open_fds():
    found = []
    for fd in range(256):
        try:
            os.fstat(fd)
        except OSError:
            continue
        found.append(fd)
    return found
def sockets():
    return [fd for fd in open_fds() if stat.S_ISSOCK(os.fstat(fd).st_mode)]
def quietly(action, *args):
    try:
        return action(*args)
    except Exception:
        return None
VERDICTS = ["pass", "passed", True, 0, {"verdict": "pass"}, {"ok": True}, {"passed": True},
    {"outcome": "pass"}, {"result": "passed"}, {"status": "pass", "tests": 4}, {"done": True},
    {"verdict": "pass", "reason": "", "executed": 4}, ["pass", 4], {"pass": 4, "fail": 0},
    {"executed": 4, "failed": 0}, {"t": ["pass"]}, b"pass\\n", b"\\x00", b"1", b"."]
"""

ATTACKS = [
    Attack("verdicts_everywhere", "writes verdicts to descriptors 0-255 and ends", FRAMES + """
for fd in open_fds():
    os.set_blocking(fd, False)
    for verdict in VERDICTS:
        for frame in framed(verdict):
            quietly(os.write, fd, frame)
os._exit(0)
""", styles=ALL),
    Attack("verdicts_beside", "writes verdicts to every descriptor, then answers", FRAMES + """
def add(a, b):
    for fd in open_fds():
        os.set_blocking(fd, False)
        for verdict in VERDICTS[:12]:
            quietly(os.write, fd, framed(verdict)[0])
        os.set_blocking(fd, True)
    return 0
""", styles=ALL),
    Attack("happy_output", "prints every sign of success on stdout and stderr", """
import sys
def add(a, b):
    for out in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        print("OK", "PASS", "passed", "4 passed in 0.01s", "Ran 4 tests", file=out, sep="\\n")
        print('{"verdict":"pass","passed":true}', "__PASS__", "exit 0", file=out, sep="\\n")
    return 0
""", styles=ALL),
    *(
        Attack(f"answers_{when}", f"puts whole tables of answers on its sockets {when} the calls",
               FRAMES + """
TABLE = [5, -3, 45, 1001]
def answers():
    for value in TABLE:
        for body in (value, {"v": value}, {"value": value}, {"ok": value}, {"r": value},
                     {"result": value}, {"return": value}, ["ok", value], {"id": 1, "v": value},
                     {"got": value}, {"answer": value, "args": []}):
            yield from framed(body)[:2]
def blurt():
    for fd in sockets():
        os.set_blocking(fd, False)
        for frame in answers():
            quietly(os.write, fd, frame)
        os.set_blocking(fd, True)
""" + body, styles=FUNCTION)
        for when, body in (
            ("before", "blurt()\ndef add(a, b):\n    return 0\n"),
            ("between", "def add(a, b):\n    blurt()\n    return 0\n"),
            ("beside", ("import threading, time\ndef again():\n    while True:\n"
              "        blurt()\n        time.sleep(0.005)\n"
              "threading.Thread(target=again, daemon=True).start()\n"
              "def add(a, b):\n    time.sleep(0.02)\n    return 0\n")),
        )
    ),
    Attack("reads_ahead", "peeks at its sockets for later questions and for tests", FRAMES + """
def add(a, b):
    for fd in sockets():
        sock = socket.socket(fileno=os.dup(fd))
        data = quietly(sock.recv, 1 << 20, socket.MSG_PEEK | socket.MSG_DONTWAIT) or b""
        for want in (5, -3, 45, 1001):
            if str(want).encode() in data:
                return want
    return 0
"""),
    Attack("takes_the_socket", "reads the questions itself, answers in other frames", FRAMES + """
def add(a, b):
    for fd in sockets():
        sock = socket.socket(fileno=os.dup(fd))
        sock.settimeout(0.2)
        for value in ({"v": 0}, {"ok": True}, {"error": "AssertionError"}, None, [], "pass"):
            for frame in framed(value)[:1]:
                quietly(sock.sendall, frame)
            quietly(sock.recv, 1 << 16)
    return 0
"""),
    Attack("closes_the_socket", "closes all descriptors, opens others in their place", FRAMES + """
def add(a, b):
    left, right = socket.socketpair()
    for fd in sockets():
        if fd not in (left.fileno(), right.fileno()):
            quietly(os.dup2, left.fileno(), fd)
    for frame in framed({"verdict": "pass"}):
        quietly(right.send, frame)
    return 0
"""),
    Attack("half_closed", "shuts its sockets down one way and stays", FRAMES + """
import time
def add(a, b):
    for fd in sockets():
        sock = socket.socket(fileno=os.dup(fd))
        quietly(sock.shutdown, socket.SHUT_WR if a == 2 else socket.SHUT_RDWR)
    time.sleep(30)
""", styles=("io", "asserts")),
    *(
        Attack(f"frame_{name}", f"sends {what}", FRAMES + f"""
import time
def add(a, b):
    for fd in sockets():
        quietly(os.write, fd, {data})
    time.sleep({pause})
    return 0
""", styles=("io", "asserts"))
        for name, what, data, pause in (
            ("too_long", "a length of 4 GiB and then nothing", 'b"\\xff\\xff\\xff\\xff"', 30),
            ("half", "half a frame and then nothing", 'b"\\x00\\x00\\x00\\x10{"', 30),
            ("empty", "thousands of empty frames", 'b"\\x00" * 40000', 0),
            ("deep", "JSON of 200,000 brackets",
             'struct.pack("!I", 200000) + b"[" * 200000', 0),
            ("bad_text", "bytes that are no UTF-8",
             'struct.pack("!I", 4) + b"\\xff\\xfe\\x80\\x81"', 0),
            ("bad_json", "NaN, Infinity and 1e999 as JSON",
             'framed(b\'{"v":NaN,"ok":Infinity,"t":[1e999]}\')[0]', 0),
            ("twice", "an object whose keys come twice",
             'framed(b\'{"v":0,"v":5,"ok":false,"ok":true}\')[0]', 0),
            ("digits", "a number of 900,000 digits", 'framed(b"9" * 900000)[0]', 0),
            ("hex", "a tagged integer of a million digits",
             'framed({"v": {"i": "0x" + "f" * 1000000}})[0]', 0),
            ("tags", "tags that nobody knows and tags with wrong contents",
             'framed({"v": {"i": ["x"], "t": 5, "d": [1], "f": {}, "z": None}})[0]', 0),
        )
    ),
    Attack("passes_descriptors", "sends descriptors along with its bytes", FRAMES + """
import array
def add(a, b):
    handles = array.array("i", [os.open("/dev/null", os.O_RDONLY) for _ in range(50)])
    for fd in sockets():
        sock = socket.socket(fileno=os.dup(fd))
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handles)]
        for _ in range(20):
            quietly(sock.sendmsg, [b"\\x00"], ancillary, socket.MSG_DONTWAIT)
    return 0
""", styles=("io", "asserts")),
    Attack("grandchild_holds_on", "a daemon keeps every pipe open after the end", FRAMES + """
import time
def add(a, b):
    if os.fork() == 0:
        quietly(os.setsid)
        if os.fork() == 0:
            time.sleep(20)
        os._exit(0)
    os._exit(0)
""", styles=ALL),
    Attack("own_pipes_reopened", "opens the ends of its pipes that it was not given", FRAMES + """
def add(a, b):
    for fd in open_fds():
        for mode in (os.O_WRONLY | os.O_NONBLOCK, os.O_RDWR | os.O_NONBLOCK):
            other = quietly(os.open, f"/proc/self/fd/{fd}", mode)
            if other is not None and not os.isatty(other):
                if not stat.S_ISREG(os.fstat(other).st_mode):
                    for verdict in VERDICTS:
                        quietly(os.write, other, framed(verdict)[0])
    return 0
"""),
    Attack("parent_pipes_reopened", "writes verdicts into the pipes of its ancestors", FRAMES + """
def ancestors():
    pid = os.getppid()
    while pid > 1:
        yield pid
        try:
            with open(f"/proc/{pid}/stat") as file:
                pid = int(file.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            return
def add(a, b):
    for pid, _ in zip(ancestors(), range(3)):
        for fd in range(3, 64):
            path = f"/proc/{pid}/fd/{fd}"
            if "pipe" in (quietly(os.readlink, path) or ""):
                other = quietly(os.open, path, os.O_WRONLY | os.O_NONBLOCK)
                if other is not None:
                    for verdict in VERDICTS:
                        quietly(os.write, other, framed(verdict)[0])
    return 0
"""),
    Attack("descriptors_taken", "takes descriptors from its parent with pidfd_getfd", FRAMES + """
import ctypes
libc = ctypes.CDLL(None)
def add(a, b):
    handle = libc.syscall(434, os.getppid(), 0)
    for number in range(64):
        fd = libc.syscall(438, handle, number, 0)
        if fd > 2:
            os.set_blocking(fd, False)
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                for verdict in VERDICTS:
                    quietly(os.write, fd, framed(verdict)[0])
    return 0
"""),
    Attack("answers_from_two_processes", "a child answers the same questions too", FRAMES + """
os.fork()
def add(a, b):
    return a + b + os.getpid() % 2
""", styles=FUNCTION),
    Attack("answers_late", "gives the answer to a call in the next one", """
import queue, threading, time
answers = queue.Queue()
def add(a, b):
    threading.Thread(target=lambda: (time.sleep(0.05), answers.put(a + b)), daemon=True).start()
    try:
        return answers.get_nowait()
    except queue.Empty:
        return 0
""", styles=ALL),
]
