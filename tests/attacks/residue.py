"""Pairs of programs: one leaves something behind, a later one looks for it.

The second answers rightly only if it finds what the first left, so a pass shows residue.
"""

# fmt: off
from tests.attacks.harm_processes import LIBC
from tests.attacks.model import Attack, act, tell

BOTH = ("io", "stdio")


def _pair(name: str, what: str, plant: str, find: str) -> list[Attack]:
    return [
        act(f"plant_{name}", f"leaves {what}", plant, BOTH),
        tell(f"find_{name}", f"finds {what} of an earlier program", find, BOTH),
    ]


ATTACKS = [
    *_pair("files", "files in its folders", """
import os
def attempt():
    for folder in (".", "/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~"), "/run", "/"):
        try:
            with open(folder + "/@RUN@", "w") as file:
                file.write("here")
        except OSError:
            pass
""", """
import os
def attempt():
    folders = (".", "..", "/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~"), "/run", "/")
    return any(os.path.exists(folder + "/@RUN@") for folder in folders)
"""),
    *_pair("sysv", "System V memory, queues and semaphores", LIBC + """
def attempt():
    key = int("@RUN@"[2:9], 16)
    libc.shmget(key, 4096, 0o1666)
    libc.msgget(key, 0o1666)
    libc.semget(key, 1, 0o1666)
""", LIBC + """
def attempt():
    key = int("@RUN@"[2:9], 16)
    return max(libc.shmget(key, 0, 0), libc.msgget(key, 0), libc.semget(key, 0, 0)) >= 0
"""),
    *_pair("queue", "a POSIX message queue and shared memory", LIBC + """
def attempt():
    libc.syscall(240, b"@RUN@", os.O_CREAT | os.O_RDWR, 0o666, None)
    from multiprocessing import shared_memory
    shared_memory.SharedMemory("@RUN@", create=True, size=10)
""", LIBC + """
def attempt():
    if libc.syscall(240, b"@RUN@", os.O_RDWR, 0, None) >= 0:
        return True
    from multiprocessing import shared_memory
    shared_memory.SharedMemory("@RUN@")
    return True
"""),
    *_pair("process", "a process that listens on an abstract socket", LIBC + """
import socket, time
def attempt():
    if os.fork() == 0:
        try:
            os.setsid()
        except OSError:
            pass
        if os.fork() == 0:
            libc.prctl(15, b"@TOKEN@", 0, 0, 0)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind("\\0@RUN@")
            listener.listen(5)
            time.sleep(20)
        os._exit(0)
""", """
import socket
def attempt():
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect("\\0@RUN@")
    return True
"""),
    *_pair("state", "changes in the interpreter", """
import builtins, os, sys, string, types
def attempt():
    builtins.mark_of_run = string.mark_of_run = sys.mark_of_run = True
    sys.modules["mark_of_run"] = types.ModuleType("mark_of_run")
    os.environ["MARK_OF_RUN"] = "1"
    os.umask(0o123)
    sys.setrecursionlimit(777)
attempt()
""", """
import builtins, os, string, sys
def attempt():
    mask = os.umask(0o22)
    return (hasattr(builtins, "mark_of_run") or hasattr(string, "mark_of_run")
        or "mark_of_run" in sys.modules or "MARK_OF_RUN" in os.environ or mask == 0o123
        or sys.getrecursionlimit() == 777)
"""),
    *_pair("parent_state", "changes in the memory of its parent", LIBC + """
class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
PLACE = bytearray(b"clean-" + b"state" * 3)
def attempt():
    import builtins
    text = ctypes.create_string_buffer(b"spoil")
    with open(f"/proc/{os.getppid()}/mem", "r+b", 0) as memory:
        memory.seek(id(builtins.copyright))
        memory.write(memory.read(0))
    where = id(builtins.__dict__)
    mine, theirs = Span(ctypes.addressof(text), 1), Span(where + 8 * 3 + 1, 1)
    if os.getppid() > 1:
        libc.syscall(311, os.getppid(), ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
    print("written")
""", """
import os
def attempt():
    with open(f"/proc/{os.getppid()}/mem", "r+b", 0) as memory:
        return True
"""),
    *_pair("key", "a key in the kernel's keyring", LIBC + """
def attempt():
    for ring in (-1, -2, -3, -4, -5):
        libc.syscall(248, b"user", b"@RUN@", b"here", 4, ring)
""", LIBC + """
def attempt():
    return any(libc.syscall(250, 10, ring, b"user", b"@RUN@", 0) >= 0 for ring in (-3, -4, -5))
"""),
    *_pair("bytecode", "bytecode and modules beside the standard library", """
import glob, os, sys
def attempt():
    for folder in sys.path:
        for path in (folder + "/sg_mark_@RUN@.py", folder + "/__pycache__/sg_mark_@RUN@.pyc"):
            try:
                with open(path, "w") as file:
                    file.write("x = 1")
            except OSError:
                pass
""", """
def attempt():
    import sg_mark_@RUN@
    return True
"""),
]
