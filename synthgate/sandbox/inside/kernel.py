"""The system calls of isolation that Python has no name for, through ctypes. Linux only."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND = 1, 2, 4, 32, 4096
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
_AT_RECURSIVE, _AT_EMPTY_PATH = 0x8000, 0x1000

# Numbers below 424 differ between machines; from 424 on they are the same everywhere.
MACHINES = ("x86_64", "aarch64")
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPSET = {"x86_64": 126, "aarch64": 91}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_MOUNT_SETATTR, _LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 442, 444, 445, 446
_CLOSE_RANGE = 436

MACHINE = platform.machine()
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _syscall(what: str, number: int, *arguments: object) -> int:
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments), what)


def unshare(flags: int) -> None:
    """Leave the namespaces of the parent."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount a file system, or bind one path over another."""
    texts = [text.encode() or None for text in (source, target, kind, options)]
    wanted = ctypes.c_ulong(flags)
    _checked(_libc.mount(texts[0], texts[1], texts[2], wanted, texts[3]), f"mount {target}")


def unmount(target: str) -> None:
    """Detach a mount, whoever still uses it."""
    _checked(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def make_read_only(path: str, *, devices: bool = False) -> None:
    """Make a mount and all mounts below it read-only, without set-uid programs and devices."""
    flags = MS_RDONLY | MS_NOSUID | (0 if devices else MS_NODEV)
    attributes = struct.pack("QQQQ", flags, 0, 0, 0)  # the first three bits mean the same here
    where, size = path.encode(), ctypes.c_size_t(len(attributes))
    what = f"mount_setattr {path}"
    _syscall(what, _MOUNT_SETATTR, -100, where, _AT_RECURSIVE, attributes, size)


def pivot_root(folder: str) -> None:
    """Make a mounted folder the root of the file system, and let go of the old one."""
    os.chdir(folder)
    _syscall("pivot_root", _PIVOT_ROOT[MACHINE], b".", b".")
    unmount(".")
    os.chdir("/")


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process."""
    zero = ctypes.c_ulong(0)
    _checked(_libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero), f"prctl {option}")


def drop_capabilities() -> None:
    """Give up every capability that this process holds."""
    header = struct.pack("Ii", 0x20080522, 0)
    _syscall("capset", _CAPSET[MACHINE], header, bytes(24))


def close_from(lowest: int) -> None:
    """Close every descriptor from a number on."""
    if (
        MACHINE in MACHINES
        and _libc.syscall(ctypes.c_long(_CLOSE_RANGE), lowest, 2**31 - 1, 0) == 0
    ):
        return
    os.closerange(lowest, os.sysconf("SC_OPEN_MAX"))


# --- Landlock -----------------------------------------------------------------------------

_FS_EXECUTE, _FS_READ_FILE, _FS_READ_DIR = 1 << 0, 1 << 2, 1 << 3
_FS_MAKE_DEVICES = 1 << 6 | 1 << 9 | 1 << 11  # character device, socket, block device
_FS_OF_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_FS_OF_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
_NET_TCP, _SCOPES = 3, 3


def landlock_version() -> int:
    """Return the version of Landlock that the kernel has; 0 where it has none."""
    if MACHINE not in MACHINES:
        return 0
    found: int = _libc.syscall(
        ctypes.c_long(_LANDLOCK_CREATE), None, ctypes.c_size_t(0), ctypes.c_uint32(1)
    )
    return max(found, 0)


def landlock_rules(read: list[str], write: list[str], version: int) -> int:
    """Return a ruleset: some paths may be read, some folders written, nothing else in the tree.

    It forbids TCP too (version 4), and signals and abstract sockets to the outside (version 6).
    """
    everything = _FS_OF_ABI[max(abi for abi in _FS_OF_ABI if abi <= version)]
    net, scopes = (_NET_TCP if version >= 4 else 0), (_SCOPES if version >= 6 else 0)
    wanted = struct.pack("QQQ", everything, net, scopes)
    size = 8 if version < 4 else 16 if version < 6 else 24
    flags = ctypes.c_uint32(0)
    made = _syscall("landlock", _LANDLOCK_CREATE, wanted, ctypes.c_size_t(size), flags)
    for path in read:
        _landlock_allow(made, path, _FS_EXECUTE | _FS_READ_FILE | _FS_READ_DIR)
    for path in write:
        _landlock_allow(made, path, everything & ~_FS_MAKE_DEVICES & ~_FS_EXECUTE)
    return made


def _landlock_allow(ruleset: int, path: str, rights: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):
            rights &= _FS_OF_FILES
        rule = struct.pack("=Qi", rights, handle)
        _syscall("landlock_add_rule", _LANDLOCK_ADD, ruleset, 1, rule, ctypes.c_uint32(0))
    finally:
        os.close(handle)


def landlock_enter(ruleset: int) -> None:
    """Restrict this process and all that it starts, for good."""
    _syscall("landlock_restrict_self", _LANDLOCK_RESTRICT, ruleset, ctypes.c_uint32(0))


# --- seccomp ------------------------------------------------------------------------------


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def seccomp_enter(program: bytes) -> None:
    """Filter the system calls of this process and all that it starts, for good."""
    wanted = _Program(len(program) // 8, program)
    _syscall("seccomp", _SECCOMP[MACHINE], 1, 0, ctypes.byref(wanted))
