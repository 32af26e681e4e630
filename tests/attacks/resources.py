"""Programs that take more than their share. Each tells whether it got it.

What counts is what would hurt a machine that runs several candidates at a time.
"""

# fmt: off
from tests.attacks.memory import HOLDERS
from tests.attacks.model import Attack, tell

BOTH = ("io", "stdio")
STYLES = ("io", "asserts", "stdio")

ATTACKS = [
    Attack("loop_on_load", "loops for ever while it loads", "while True: pass\n", styles=BOTH),
    Attack("loop_in_call", "loops for ever in a call", """
def add(a, b):
    while True: pass
""", styles=BOTH),
    Attack("sleep_in_call", "sleeps for ever, which takes no processor time", """
import time
def add(a, b):
    time.sleep(1000)
""", styles=BOTH),
    Attack("slow_in_sum", "each call is fast enough, all together are not", """
import time
def add(a, b):
    time.sleep(0.9)
    return a + b
""", styles=("io",)),
    Attack("loop_in_c", "one multiplication that takes for ever", """
def add(a, b):
    return pow(7, 10 ** 9) % 10
""", styles=BOTH),
    Attack("regex_catastrophe", "a pattern that never ends, inside C", """
import re
def add(a, b):
    return re.match(r"(a|a)*(a|a)*$", "a" * 60 + "b")
""", styles=BOTH),
    Attack("stops_itself", "SIGSTOP to itself", """
import os, signal
def add(a, b):
    os.kill(os.getpid(), signal.SIGSTOP)
    return 0
""", styles=STYLES),
    Attack("ignores_signals", "ignores every signal that can be ignored, and loops", """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
def add(a, b):
    while True: pass
""", styles=STYLES),
    Attack("recursion", "recursion without an end, limit lifted", """
import sys
sys.setrecursionlimit(1 << 30)
def add(a, b):
    return add(a, b)
""", styles=BOTH),
    Attack("recursion_in_c", "recursion in C: a tower of objects that is taken down", """
def add(a, b):
    class Tower: pass
    tower = None
    for _ in range(300_000):
        tower = [tower].__iter__()
    del tower
    return 0
""", styles=BOTH),
    Attack("compiler_crash", "source that the compiler cannot stand", """
def add(a, b):
    return eval("(" * 5000 + ")" * 5000) or eval("-" * 500_000 + "1")
""", styles=BOTH),
    Attack("output_flood", "200 MB on stdout", """
import os
def add(a, b):
    for _ in range(200):
        os.write(1, b"x" * (1 << 20))
    return 0
""", styles=BOTH),
    Attack("error_flood", "200 MB on stderr, then a traceback of 50 MB", """
import os
def add(a, b):
    for _ in range(200):
        os.write(2, b"x" * (1 << 20))
    raise ValueError("x" * 50_000_000)
""", styles=BOTH),
    Attack("endless_output", "prints for ever, slowly, without a line end", """
import os, time
def add(a, b):
    while True:
        os.write(1, b"x")
        time.sleep(0.001)
""", styles=BOTH),
    tell("processes", "300 processes at a time", HOLDERS + """
def attempt():
    return hold(300, lambda: None) >= 250
""", STYLES),
    tell("process_chain", "a chain of 300 processes, each the child of the last", """
import os, time
def attempt():
    ready, tell = os.pipe()
    if os.fork() == 0:
        try:
            for _ in range(300):
                os.write(tell, b".")
                if os.fork():
                    break
            time.sleep(1.2)
        finally:
            os._exit(0)
    os.close(tell)
    time.sleep(1.0)
    os.set_blocking(ready, False)
    return len(os.read(ready, 1000)) >= 250
""", STYLES),
    tell("threads", "2,000 threads at a time", """
import threading, time
def attempt():
    threading.stack_size(65536)
    stop = threading.Event()
    count = 0
    try:
        for _ in range(2000):
            threading.Thread(target=stop.wait, args=(3,), daemon=True).start()
            count += 1
    except RuntimeError:
        pass
    stop.set()
    return count >= 2000
""", STYLES),
    tell("descriptors", "10,000 open files", """
import os
def attempt():
    held = []
    try:
        for _ in range(10_000):
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        return False
    return True
""", STYLES),
    tell("disk", "1 GiB on disk, in files of any size", """
import os
def attempt():
    block, done = b"x" * (1 << 22), 0
    names = []
    try:
        for folder in (".", "/tmp", "/var/tmp", *"@PLACES@".split(":")):
            for number in range(64):
                name = f"{folder}/@TOKEN@d{number}"
                try:
                    with open(name, "wb", buffering=0) as file:
                        names.append(name)
                        for _ in range(4):
                            done += file.write(block)
                except OSError:
                    break
    finally:
        for name in names:
            os.unlink(name)
    return done >= 1 << 30
""", BOTH),
    tell("sparse_file", "a file that claims to be 1 TiB", """
import os
def attempt():
    with open("@TOKEN@sparse", "wb") as file:
        try:
            file.truncate(1 << 40)
        finally:
            os.unlink("@TOKEN@sparse")
    return True
""", BOTH),
    tell("inodes", "60,000 empty files", """
import os, time
def attempt():
    until, count = time.monotonic() + 1.5, 0
    for folder in (".", "/tmp"):
        os.makedirs(f"{folder}/@TOKEN@i", exist_ok=True)
        try:
            while count < 60_000 and time.monotonic() < until:
                os.mknod(f"{folder}/@TOKEN@i/{count}")
                count += 1
        except OSError:
            pass
    return count >= 60_000
""", BOTH),
    Attack("deep_folders", "a folder tree 3,000 deep and names that are no text", """
import os
def add(a, b):
    try:
        for name in (b"\\xff\\xfe", b"a\\nb", b" ", b"-rf", "\\u202e".encode()):
            os.mkdir(name)
        os.mkdir("locked")
        os.mknod("locked/inside")
        os.chmod("locked", 0)
    except OSError:
        pass
    try:
        for _ in range(3000):
            os.mkdir("d")
            os.chdir("d")
        os.chmod("..", 0)
    except OSError:
        pass
    return a + b
""", kind="act", styles=BOTH),
    Attack("zombies", "children that end and are never waited for, and one that stays", """
import os, time
def add(a, b):
    try:
        for _ in range(50):
            if os.fork() == 0:
                os._exit(0)
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
    except OSError:
        pass
    return 0
""", styles=BOTH),
    Attack("parent_leaves_children", "ends at once while 20 children keep computing", """
import os
for _ in range(20):
    try:
        if os.fork() == 0:
            try:
                os.setsid()
            except OSError:
                pass
            for _ in range(300_000_000):
                pass
            os._exit(0)
    except OSError:
        break
def add(a, b):
    os._exit(1)
""", styles=BOTH),
    tell("limits_raised", "raises its own limits", """
import resource
def attempt():
    won = 0
    for name in ("AS", "NPROC", "FSIZE", "NOFILE", "CPU", "DATA", "STACK", "CORE"):
        limit = getattr(resource, "RLIMIT_" + name)
        soft, hard = resource.getrlimit(limit)
        if hard != resource.RLIM_INFINITY:
            try:
                resource.setrlimit(limit, (hard + 1, hard + 1))
                won += 1
            except (OSError, ValueError):
                pass
    return won > 0
""", BOTH),
    tell("limits_absent", "has no limit on files, processes or memory", """
import resource
def attempt():
    names = ("AS", "NPROC", "FSIZE", "NOFILE")
    limits = [resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1] for name in names]
    big = (4 << 30, 1000, 4 << 30, 4096)
    return any(each == -1 or each > most for each, most in zip(limits, big))
""", BOTH),
    tell("priority_raised", "gives itself more of the processor", """
import os
def attempt():
    try:
        os.nice(-5)
        return True
    except OSError:
        pass
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return True
""", BOTH),
]
