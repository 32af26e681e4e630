"""The filter of system calls: what a jailed program may not ask of the kernel.

A list of what is refused, not of what is allowed: programs are whatever a model wrote, and an
honest one must not fail on a harmless call. What a refusal guards is beside its name. Refused
calls return EPERM (or ENOSYS where a caller then falls back); a foreign calling convention kills.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

ERRNO, ALLOW, KILL = 0x00050000, 0x7FFF0000, 0x80000000
EPERM, ENOSYS = 1, 38
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_THREAD = 0x10000
_NAMESPACES = 0x7E020000
_TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: type into the user's terminal
_AF_UNIX = 1
_OWN_PID = 0xFFFFFFF1  # stands for a number that is known only after the fork

# name: (x86_64, aarch64); None where the machine does not have the call.
_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274), "ioprio_set": (251, 30),
    "migrate_pages": (256, 238), "move_pages": (279, 239), "setpgid": (109, 154),
    "setsid": (112, 157), "perf_event_open": (298, 241), "kexec_load": (246, 104),
    # namespaces, mounts, the root
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "move_mount": (429, 429),
    "open_tree": (428, 428), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "open_tree_attr": (467, 467),
    "listmount": (458, 458), "statmount": (457, 457), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263),
    # the kernel itself
    "bpf": (321, 280), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "userfaultfd": (323, 282), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142),
    "syslog": (103, 116), "vhangup": (153, 58), "personality": (135, 92),
    "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162),
    "kexec_file_load": (320, 294), "mknod": (133, None), "mknodat": (259, 33),
    # memory that no limit counts, and what outlives a process
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194),
    "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "semop": (65, 193),
    "semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
    "mbind": (237, 235), "set_mempolicy": (238, 237),
}  # fmt: skip
# Where the tree of files is the user's own, its attributes are not to be changed either: Landlock
# (version 7) does not look at these.
_ATTRIBUTES: dict[str, tuple[int | None, int | None]] = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
}  # fmt: skip
_STARTING: dict[str, tuple[int | None, int | None]] = {
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
}  # fmt: skip
_SOCKET, _CONNECT, _BIND, _SOCKETPAIR = (41, 198), (42, 203), (49, 200), (53, 199)
_SOCKET_TYPE, _SOCK_STREAM = 0xF, 1
_CLONE, _CLONE3, _PRCTL, _PRLIMIT = (56, 220), (435, 435), (157, 167), (302, 261)
_KILL, _TGKILL, _IOCTL = (62, 129), (234, 131), (16, 29)
_PRCTL_REFUSED = (1, 35)  # PR_SET_PDEATHSIG: it may not outlive its zygote; PR_SET_MM


def program(machine: str, *, starts: bool, own_tree: bool) -> bytes:
    """Return the filter as BPF for this machine, to be completed by `for_process`.

    `starts` lets it start processes and open local sockets; without, it may only start threads
    and signal itself. `own_tree` says that all files and processes it can see are the jail's.
    """
    at = 0 if machine == "x86_64" else 1
    refused = {**_NUMBERS, **({} if own_tree else _ATTRIBUTES), **({} if starts else _STARTING)}
    if starts:
        for name in ("setsid", "setpgid") if own_tree else ():
            del refused[name]
    code = [_op(_LOAD, 4), _op(_EQUAL, _ARCH[machine], 1, 0), _op(_RETURN, KILL), _op(_LOAD, 0)]
    if machine == "x86_64":
        code += [_op(_AT_LEAST, _X32, 0, 1), _op(_RETURN, KILL)]
    code += _refuse(number[at] for number in refused.values())
    code += _when(_CLONE3[at], [_op(_RETURN, ERRNO | ENOSYS)])
    code += _when(_CLONE[at], _clone(starts))
    if starts and own_tree:
        code += _when(_SOCKET[at], [_argument(0), *_unless(_AF_UNIX)])
    else:
        # A pair of another type could still send to any path that it can name.
        code += _refuse([_SOCKET[at], _CONNECT[at], _BIND[at]])
        pair = [_argument(1), _op(_AND, _SOCKET_TYPE), *_unless(_SOCK_STREAM)]
        code += _when(_SOCKETPAIR[at], pair)
    if not (starts and own_tree):
        for number in (_KILL[at], _TGKILL[at]):
            code += _when(number, [_argument(0), *_unless(_OWN_PID)])
    code += _when(_PRCTL[at], [_argument(0), *_refuse_values(_PRCTL_REFUSED)])
    code += _when(_PRLIMIT[at], [_argument(0), *_unless(0)])
    code += _when(_IOCTL[at], [_argument(1), *_refuse_values(_TERMINAL)])
    return b"".join([*code, _op(_RETURN, ALLOW)])


def for_process(code: bytes, pid: int) -> bytes:
    """Return a filter that lets a process signal itself."""
    return code.replace(_op(_EQUAL, _OWN_PID, 0, 1), _op(_EQUAL, pid, 0, 1))


def _op(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, then, otherwise, value & 0xFFFFFFFF)


def _argument(number: int) -> bytes:
    """Load the low half of an argument; pids, flags and commands are 32 bits wide."""
    return _op(_LOAD, 16 + 8 * number)


def _refuse(numbers: Iterable[int | None]) -> list[bytes]:
    code = []
    for number in numbers:
        if number is not None:
            code += [_op(_EQUAL, number, 0, 1), _op(_RETURN, ERRNO | EPERM)]
    return code


def _refuse_values(values: Iterable[int]) -> list[bytes]:
    return [*_refuse(values), _op(_RETURN, ALLOW)]


def _unless(value: int) -> list[bytes]:
    """Allow a call with this argument and refuse it with any other."""
    return [_op(_EQUAL, value, 0, 1), _op(_RETURN, ALLOW), _op(_RETURN, ERRNO | EPERM)]


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """Run a body that always returns for one system call, and skip it for every other."""
    return [_op(_EQUAL, number, 0, len(body)), *body]


def _clone(starts: bool) -> list[bytes]:
    """Threads only, or anything but new namespaces."""
    allow, refuse = _op(_RETURN, ALLOW), _op(_RETURN, ERRNO | EPERM)
    if starts:
        return [_argument(0), _op(_AND, _NAMESPACES), _op(_EQUAL, 0, 0, 1), allow, refuse]
    return [_argument(0), _op(_ANY_BIT, _THREAD, 0, 1), allow, refuse]
