"""Programs that ask the kernel for more than they were given. Each tells whether it got it."""

# fmt: off
from tests.attacks.harm_processes import LIBC
from tests.attacks.model import tell

BOTH = ("io", "asserts", "stdio")
MACHINE_CODE = LIBC + """
import mmap
def run(code):
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)()
"""


def _calls(name, what, body, styles=BOTH):
    return tell(name, what, LIBC + "def attempt():\n" + body, styles)


ATTACKS = [
    *(
        _calls(f"namespace_{name}", f"makes a new {name} namespace",
               f"    return libc.unshare({flag}) == 0\n")
        for name, flag in (("user", 0x10000000), ("mount", 0x20000), ("net", 0x40000000),
                           ("pid", 0x20000000), ("ipc", 0x8000000), ("uts", 0x4000000),
                           ("cgroup", 0x2000000), ("time", 0x80))
    ),
    _calls("namespace_by_clone", "clones a child into new namespaces", """
    pid = libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return pid > 0
"""),
    _calls("namespace_by_clone3", "the same by clone3, which filters cannot look into", """
    arguments = ctypes.create_string_buffer(88)
    ctypes.c_uint64.from_buffer(arguments, 0).value = 0x10000000
    ctypes.c_uint64.from_buffer(arguments, 32).value = 17
    pid = libc.syscall(435, arguments, 88)
    if pid == 0:
        os._exit(0)
    return pid > 0
"""),
    _calls("join_namespace", "enters the namespaces of other processes", """
    for pid in ("1", os.getppid()):
        for name in ("user", "mnt", "net", "pid", "ipc"):
            try:
                handle = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
            except OSError:
                continue
            if libc.setns(handle, 0) == 0:
                return True
    return False
"""),
    _calls("mount", "mounts over its own folder", """
    os.makedirs("@TOKEN@m", exist_ok=True)
    if libc.mount(b"none", b"@TOKEN@m", b"tmpfs", 0, b"size=4k") == 0:
        libc.umount2(b"@TOKEN@m", 2)
        return True
    return False
"""),
    _calls("mount_new_calls", "mounts with fsopen, open_tree and move_mount", """
    tree = libc.syscall(428, -100, b"/", 1)
    context = libc.syscall(430, b"tmpfs", 0)
    return tree >= 0 or context >= 0
"""),
    _calls("remount", "changes how its folder is mounted", """
    ctypes.set_errno(0)
    return libc.mount(None, b".", None, 32 | 4096, None) == 0 or ctypes.get_errno() == 22
"""),
    _calls("unmount", "takes away what is mounted", """
    ctypes.set_errno(0)
    return libc.umount2(b".", 2) == 0 or ctypes.get_errno() == 22
"""),
    _calls("chroot", "changes the root and climbs out", """
    os.makedirs("@TOKEN@c", exist_ok=True)
    return libc.chroot(b"@TOKEN@c") == 0
"""),
    _calls("pivot_root", "changes the root for all", """
    return libc.syscall(155, b".", b".") == 0
"""),
    _calls("set_ids", "becomes root or anybody else", """
    before = os.getresuid(), os.getresgid()
    for action in (lambda: os.setresuid(0, 0, 0), lambda: os.setuid(0), lambda: os.setgid(0),
                   lambda: os.setgroups([0]), lambda: os.setresuid(12345, 12345, 12345),
                   lambda: os.setfsuid(0) if hasattr(os, "setfsuid") else None):
        try:
            action()
        except OSError:
            pass
    return (os.getresuid(), os.getresgid()) != before
"""),
    _calls("capabilities", "holds or takes capabilities", """
    header = ctypes.create_string_buffer(8)
    ctypes.c_uint32.from_buffer(header).value = 0x20080522
    data = ctypes.create_string_buffer(b"\\xff" * 24, 24)
    if libc.syscall(126, header, data) == 0:
        return True
    empty = ctypes.create_string_buffer(24)
    libc.syscall(125, header, empty)
    return any(empty.raw)
"""),
    _calls("bpf", "loads a program into the kernel or makes a map", """
    attributes = ctypes.create_string_buffer(72)
    for at, value in ((0, 2), (4, 4), (8, 4), (12, 1)):
        ctypes.c_uint32.from_buffer(attributes, at).value = value
    return libc.syscall(321, 0, attributes, 72) >= 0
"""),
    _calls("io_uring", "sets up a ring, past which filters do not look", """
    parameters = ctypes.create_string_buffer(120)
    return libc.syscall(425, 4, parameters) >= 0
"""),
    _calls("keyring", "stores a key in the kernel", """
    stored = libc.syscall(248, b"user", b"@TOKEN@", b"x", 1, -3) >= 0
    return stored or libc.syscall(250, 0, -3, 1) >= 0
"""),
    _calls("userfaultfd", "handles page faults", """
    return libc.syscall(323, 0) >= 0 or libc.syscall(323, 1) >= 0
"""),
    _calls("perf_event", "measures the machine", """
    attributes = ctypes.create_string_buffer(120)
    ctypes.c_uint32.from_buffer(attributes, 0).value = 1
    ctypes.c_uint32.from_buffer(attributes, 4).value = 120
    return any(libc.syscall(298, attributes, *who, -1, 0) >= 0 for who in ((0, -1), (-1, 0)))
"""),
    _calls("modules", "loads a module or another kernel", """
    def reached(*numbers):
        ctypes.set_errno(0)
        libc.syscall(*numbers)
        return ctypes.get_errno() not in (1, 38)
    return reached(175, b"", 0, b"") or reached(246, 0, 0, None, 0) or reached(176, b"@TOKEN@", 0)
"""),
    _calls("personality", "turns address randomising off, or other rules on", """
    return libc.syscall(135, 0x0040000) >= 0 and libc.syscall(135, 0xffffffff) & 0x40000 != 0
"""),
    _calls("clock", "sets the clock, the host name, quotas and accounting", """
    now, name = ctypes.create_string_buffer(16), os.uname().nodename.encode()
    libc.syscall(228, 0, now)
    if libc.syscall(227, 0, now) == 0 or libc.syscall(170, name, len(name)) == 0:
        return True
    return libc.syscall(163, None) == 0 or libc.syscall(167, b"@TOKEN@", 0) == 0
"""),
    _calls("kernel_log", "reads the log of the kernel", """
    return libc.syscall(103, 3, ctypes.create_string_buffer(64), 64) > 0
"""),
    _calls("new_privileges", "takes back the promise to gain no privileges", """
    libc.prctl(38, 0, 0, 0, 0)
    return libc.prctl(39, 0, 0, 0, 0) != 1
"""),
    _calls("filter_absent", "runs without a filter of system calls, or loosens it", """
    if libc.prctl(21, 0, 0, 0, 0) != 2:
        return True
    for mode in (0, 1 << 30):
        libc.prctl(22, mode, 0, 0, 0)
    return libc.prctl(21, 0, 0, 0, 0) != 2
"""),
    _calls("type_into_terminal", "types into the terminal of the user", """
    import fcntl
    for fd in [*range(0, 64), -1]:
        try:
            if fd < 0:
                fd = os.open("/dev/tty", os.O_RDWR)
            fcntl.ioctl(fd, 0x5412, b" ")
            return True
        except OSError:
            pass
    return False
"""),
    _calls("core_scheduling", "prctl calls that touch others or the memory layout", """
    moved = libc.prctl(35, 8, ctypes.c_ulong(0x10000), 0, 0) == 0
    return moved or libc.prctl(62, 1, os.getppid(), 0, 0) == 0
"""),
    _calls("handles", "watches the whole file system", """
    return libc.syscall(300, 0, 0) >= 0
"""),
    tell("calls_x32", "opens a socket with the numbers of the x32 convention", LIBC + """
def attempt():
    return libc.syscall(0x40000000 | 41, 2, 1, 0) >= 0
""", BOTH),
    tell("calls_32_bit", "opens a socket with int 0x80, whose numbers differ", MACHINE_CODE + """
def attempt():
    return run(b"\\x53\\xb8\\x67\\x01\\x00\\x00\\xbb\\x02\\x00\\x00\\x00\\xb9\\x01\\x00\\x00\\x00"
               b"\\xba\\x00\\x00\\x00\\x00\\xcd\\x80\\x5b\\xc3") >= 0
""", BOTH),
    tell("calls_high_bits", "hides arguments and numbers in the upper 32 bits", LIBC + """
def attempt():
    high = 1 << 32
    tries = ((41, high | 2, 1, 0), (high | 41, 2, 1, 0), (272, high | 0x10000000),
             (56, 0x10000000 | 17 | high, 0, 0, 0, 0))
    for number, *arguments in tries:
        got = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(each) for each in arguments))
        if got == 0 and number == 56:
            os._exit(0)
        if got >= 0:
            return True
    return False
""", BOTH),
]
