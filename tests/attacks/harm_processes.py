"""Programs that go for other processes: the harness, a victim of the same user, survivors."""

# fmt: off
from tests.attacks.model import act, tell

BOTH = ("io", "asserts", "stdio")
LIBC = """
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
"""

ATTACKS = [
    act("kill_victim", "kills a process of the same user", """
import os, signal
def attempt():
    os.kill(@VICTIM@, signal.SIGKILL)
""", BOTH),
    act("stop_victim", "stops a process of the same user", """
import os, signal
def attempt():
    os.kill(@VICTIM@, signal.SIGSTOP)
""", BOTH),
    act("kill_victim_by_calls", "tkill, tgkill, queued signals, pidfd", LIBC + """
def attempt():
    info = ctypes.create_string_buffer(128)
    ctypes.c_int.from_buffer(info, 8).value = -1
    for numbers in ((200, @VICTIM@, 9), (234, @VICTIM@, @VICTIM@, 9), (129, @VICTIM@, 9, info),
                    (297, @VICTIM@, @VICTIM@, 9, info), (62, @VICTIM@, 9)):
        libc.syscall(*numbers)
    handle = libc.syscall(434, @VICTIM@, 0)
    if handle >= 0:
        libc.syscall(424, handle, 9, None, 0)
    group = libc.syscall(121, @VICTIM@)
    if group > 1:
        libc.syscall(62, -group, 9)
""", BOTH),
    act("kill_victim_by_sigio", "has the kernel send the signal when a pipe is ready", """
import fcntl, os, signal
def attempt():
    readable, writable = os.pipe()
    fcntl.fcntl(readable, fcntl.F_SETOWN, @VICTIM@)
    fcntl.fcntl(readable, 10, signal.SIGKILL)
    fcntl.fcntl(readable, fcntl.F_SETFL, fcntl.fcntl(readable, fcntl.F_GETFL) | os.O_ASYNC)
    os.write(writable, b"x")
""", BOTH),
    act("kill_parent", "kills its parent, and the parent of that", """
import os, signal
def attempt():
    above = []
    pid = os.getppid()
    for _ in range(2):
        if pid <= 1:
            break
        above.append(pid)
        try:
            with open(f"/proc/{pid}/stat") as file:
                pid = int(file.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            break
    for pid in reversed(above):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
""", BOTH),
    act("stop_parent", "stops its parent, by kill and by sigio", """
import fcntl, os, signal
def attempt():
    parent = os.getppid()
    if parent <= 1:
        return
    try:
        os.kill(parent, signal.SIGSTOP)
    except OSError:
        pass
    readable, writable = os.pipe()
    fcntl.fcntl(readable, fcntl.F_SETOWN, parent)
    fcntl.fcntl(readable, 10, signal.SIGSTOP)
    fcntl.fcntl(readable, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writable, b"x")
""", BOTH),
    act("kill_harness", "finds the run by its arguments and kills it", """
import os, signal
def attempt():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"@STAGE@" in file.read() and int(pid) > 1:
                    os.kill(int(pid), signal.SIGKILL)
        except OSError:
            pass
""", BOTH),
    act("kill_group", "signals its whole process group", """
import os, signal
def attempt():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
        os.kill(0, number)
""", BOTH),
    act("interrupt_socket_owner", "SIGURG and SIGIO to whoever owns its sockets", """
import fcntl, os, signal
def attempt():
    parent = os.getppid()
    for fd in range(256):
        try:
            fcntl.fcntl(fd, fcntl.F_SETOWN, parent if parent > 1 else os.getpid())
            fcntl.fcntl(fd, 10, signal.SIGUSR1)
            fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
        except OSError:
            pass
""", BOTH),
    tell("reaches_everybody", "may signal at least one other process", """
import os
def attempt():
    os.kill(-1, 0)
    return True
""", BOTH),
    tell("sees_others", "sees processes that are not its own", """
import os
def attempt():
    seen = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                seen += bool(file.read())
        except OSError:
            pass
    return seen > 4
"""),
    tell("trace_victim", "attaches to a process of the same user", LIBC + """
def attempt():
    for request in (16, 0x4206):
        if libc.syscall(101, request, @VICTIM@, 0, 0) == 0:
            os.waitpid(@VICTIM@, 0x40000000)
            libc.syscall(101, 17, @VICTIM@, 0, 0)
            return True
    return False
""", BOTH),
    tell("trace_parent", "attaches to its parent", LIBC + """
def attempt():
    parent = os.getppid()
    if parent > 1 and libc.syscall(101, 0x4206, parent, 0, 0) == 0:
        libc.syscall(101, 17, parent, 0, 0)
        return True
    return False
""", BOTH),
    tell("read_victim_memory", "reads secrets in the memory of the victim", LIBC + """
import re
class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
def attempt():
    with open("/proc/@VICTIM@/maps") as maps:
        lines = [line.split() for line in maps if "[stack]" in line or "[heap]" in line]
    for line in lines:
        low, high = (int(part, 16) for part in line[0].split("-"))
        data = ctypes.create_string_buffer(high - low)
        mine, theirs = Span(ctypes.addressof(data), high - low), Span(low, high - low)
        libc.syscall(310, @VICTIM@, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
        if re.search(rb"cnry[0-9a-f]{16}", data.raw):
            return True
        with open("/proc/@VICTIM@/mem", "rb", 0) as memory:
            memory.seek(low)
            if re.search(rb"cnry[0-9a-f]{16}", memory.read(high - low)):
                return True
    return False
""", BOTH),
    act("write_victim_memory", "writes into the memory of the victim", LIBC + """
class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
def attempt():
    with open("/proc/@VICTIM@/maps") as maps:
        low, high = next(line.split()[0].split("-") for line in maps if "[stack]" in line)
    size = int(high, 16) - int(low, 16)
    data = ctypes.create_string_buffer(b"\\xff" * size, size)
    mine, theirs = Span(ctypes.addressof(data), size), Span(int(low, 16), size)
    libc.syscall(311, @VICTIM@, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
    os.kill(@VICTIM@, signal.SIGCONT)
""", BOTH),
    act("change_victim", "changes limits, priority and processors of the victim", LIBC + """
import resource
def attempt():
    for action in (lambda: resource.prlimit(@VICTIM@, resource.RLIMIT_NOFILE, (7, 4000)),
                   lambda: os.setpriority(os.PRIO_PROCESS, @VICTIM@, 11),
                   lambda: os.sched_setaffinity(@VICTIM@, {0}),
                   lambda: os.sched_setscheduler(@VICTIM@, os.SCHED_BATCH, os.sched_param(0)),
                   lambda: libc.syscall(251, 1, @VICTIM@, (3 << 13)),
                   lambda: os.setpgid(@VICTIM@, @VICTIM@),
                   lambda: open("/proc/@VICTIM@/oom_score_adj", "w").write("500")):
        try:
            action()
        except OSError:
            pass
""", BOTH),
    *(
        act(f"survivor_by_{name}", f"leaves a process behind: {what}", f"""
import ctypes, os, signal, subprocess, sys, time
def mark():
    ctypes.CDLL(None).prctl(15, b"@TOKEN@", 0, 0, 0)
def stay():
    mark()
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    time.sleep(25)
    os._exit(0)
def attempt():
{body}
""", BOTH)
        for name, what, body in (
            ("fork", "a child", "    os.fork() or stay()"),
            ("daemon", "forked twice, own session, no descriptors",
             ("    if os.fork() == 0:\n        try:\n            os.setsid()\n"
              "        except OSError:\n            pass\n        os.fork() and os._exit(0)\n"
              "        os.closerange(0, 256)\n        stay()")),
            ("command", "a program with a session of its own",
             ("    subprocess.Popen([\"/bin/sleep\", \"25\", \"@TOKEN@\"],"
              " start_new_session=True)")),
            ("clone_parent", "a child that its parent's parent gets",
             ("    if ctypes.CDLL(None).syscall(56, 0x8000 | 17, 0, 0, 0, 0) == 0:\n"
              "        stay()")),
            ("subreaper", "a child under a reaper that dies",
             ("    libc = ctypes.CDLL(None)\n    libc.prctl(36, 1, 0, 0, 0)\n"
              "    libc.prctl(1, 0, 0, 0, 0)\n"
              "    if os.fork() == 0:\n        os.fork() or stay()\n        os._exit(0)")),
            ("forking", "a process that forks itself on and on",
             ("    if os.fork() == 0:\n        mark()\n        until = time.monotonic() + 8\n"
              "        while time.monotonic() < until:\n            try:\n"
              "                if os.fork():\n                    os._exit(0)\n"
              "            except OSError:\n                pass\n            time.sleep(0.001)\n"
              "        stay()")),
            ("vfork", "a child by vfork that runs a program",
             ("    os.posix_spawn(\"/bin/sleep\", [\"sleep\", \"25\", \"@TOKEN@\"], {},"
              " setsid=True)")),
        )
    ),
]
