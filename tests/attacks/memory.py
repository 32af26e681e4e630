"""Programs that take memory, where limits of one process do not look. Each tells whether it got it.

`exec_memory` is 256 MiB in these runs; what counts as an effect is at least twice that, or tens of
MiB of the kernel's own memory.
"""

# fmt: off
from tests.attacks.model import tell

BOTH = ("io", "stdio")
STYLES = ("io", "asserts", "stdio")

# Children that hold memory and wait; the parent counts them through a pipe.
HOLDERS = """
import os, time
def hold(count, body):
    ready, tell = os.pipe()
    children = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            try:
                kept = body()
                os.write(tell, b".")
                time.sleep(1.2)
            finally:
                os._exit(0)
        children.append(pid)
    os.close(tell)
    time.sleep(0.9)
    os.set_blocking(ready, False)
    try:
        return len(os.read(ready, 10000))
    except BlockingIOError:
        return 0
"""

ATTACKS = [
    tell("memory", "holds 600 MiB in one process", """
import time
def attempt():
    held = bytearray(b"x") * (600 << 20)
    time.sleep(0.5)
    return len(held) == 600 << 20
""", STYLES),
    tell("memory_mapped", "maps 600 MiB shared and anonymous and touches it", """
import mmap, time
def attempt():
    held = mmap.mmap(-1, 600 << 20)
    for at in range(0, 600 << 20, 4096):
        held[at] = 1
    time.sleep(0.4)
    return True
""", STYLES),
    tell("memory_of_children", "12 children that hold 60 MiB each", HOLDERS + """
def attempt():
    return hold(12, lambda: bytearray(b"x") * (60 << 20)) >= 10
""", STYLES),
    tell("memory_of_threads", "threads that hold 20 MiB each, 600 in sum", """
import threading, time
def attempt():
    held = []
    def work():
        held.append(bytearray(b"x") * (20 << 20))
        time.sleep(1)
    for _ in range(30):
        threading.Thread(target=work, daemon=True).start()
    time.sleep(0.9)
    return len(held) >= 30
""", STYLES),
    tell("memory_in_memfd", "600 MiB in files that have no name", """
import os, time
def attempt():
    block, done, held = b"x" * (1 << 20), 0, []
    for _ in range(10):
        held.append(os.memfd_create("x"))
        for _ in range(60):
            done += os.write(held[-1], block)
    time.sleep(0.4)
    return done >= 600 << 20
""", STYLES),
    tell("memory_in_files", "600 MiB in small files of its folders", """
import os, time
def attempt():
    block, done = b"x" * (1 << 20), 0
    for folder in (".", os.environ.get("TMPDIR", "/tmp"), "/tmp", "/dev/shm"):
        try:
            for number in range(160):
                name = f"{folder}/@TOKEN@{number}"
                handle = os.open(name, os.O_CREAT | os.O_WRONLY, 0o600)
                for _ in range(4):
                    done += os.write(handle, block)
                os.close(handle)
        except OSError:
            pass
        if done >= 600 << 20:
            break
    time.sleep(0.2)
    won = done >= 600 << 20
    for folder in (".", "/tmp", "/dev/shm"):
        for number in range(160):
            try:
                os.unlink(f"{folder}/@TOKEN@{number}")
            except OSError:
                pass
    return won
""", STYLES),
    tell("memory_in_unlinked_files", "600 MiB in open files that have no name any more", """
import os, time
def attempt():
    block, done, held = b"x" * (1 << 20), 0, []
    for folder in (".", "/tmp", "/dev/shm"):
        try:
            for number in range(150):
                name = f"{folder}/@TOKEN@u{number}"
                held.append(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600))
                os.unlink(name)
                for _ in range(4):
                    done += os.write(held[-1], block)
        except OSError:
            pass
    time.sleep(0.2)
    return done >= 600 << 20
""", STYLES),
    tell("memory_in_sysv", "600 MiB in System V shared memory", """
import ctypes, time
def attempt():
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    held, done = [], 0
    for _ in range(10):
        held.append(libc.shmget(0, ctypes.c_size_t(60 << 20), 0o1600))
        where = libc.shmat(held[-1], None, 0) if held[-1] >= 0 else None
        if where not in (None, ctypes.c_void_p(-1).value):
            ctypes.memset(where, 1, 60 << 20)
            done += 60 << 20
    time.sleep(0.3)
    for each in held:
        libc.shmctl(each, 0, None)
    return done >= 600 << 20
""", STYLES),
    tell("memory_in_sockets", "64 MiB in socket buffers, which no process owns", """
import socket, time
def attempt():
    held, done = [], 0
    for _ in range(450):
        left, right = socket.socketpair()
        for each in (left, right):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            each.setblocking(False)
        held += [left, right]
        try:
            while True:
                done += left.send(b"x" * 65536)
        except BlockingIOError:
            pass
    time.sleep(0.3)
    return done >= 64 << 20
""", STYLES),
    tell("memory_in_pipes", "48 MiB in pipe buffers", """
import fcntl, os, time
def attempt():
    done = 0
    for _ in range(250):
        readable, writable = os.pipe()
        fcntl.fcntl(writable, 1031, 1 << 20)
        os.set_blocking(writable, False)
        done += os.write(writable, b"x" * (1 << 20))
    time.sleep(0.3)
    return done >= 48 << 20
""", STYLES),
    tell("memory_locked", "locks 300 MiB, or all it has", """
import ctypes, mmap
def attempt():
    libc = ctypes.CDLL(None)
    held = mmap.mmap(-1, 300 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    where = ctypes.addressof(ctypes.c_char.from_buffer(held))
    return libc.mlock(ctypes.c_void_p(where), ctypes.c_size_t(300 << 20)) == 0
""", BOTH),
]
