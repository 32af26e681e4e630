"""How a process locks itself in, layer by layer.

Tier A: namespaces for users, processes, mounts, network, IPC and host name; a root of its own with
the interpreter read-only and a small private work folder; then everything of tier B.
Tier B: another user where it is root, Landlock, a filter of system calls, then tier C.
Tier C: resource limits and an empty environment.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
from dataclasses import dataclass, field
from typing import Any, NoReturn

from synthgate.sandbox.inside import kernel, seccomp
from synthgate.sandbox.inside.cleaning import empty, kill_all, kill_group, running

WORK = "/box/tmp"
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
_INSIDE_UID = 65534
_FILES, _MARGIN = 64, 512  # descriptors; processes


@dataclass(frozen=True)
class Config:
    """What a zygote is told when it is started. Sizes are bytes, times seconds.

    `uid` is the user to become, -1 to stay who it is; `root` an empty folder that becomes the root
    of the file system in tier A and `work` the work folder of the other tiers; `read` the paths
    that may be read; `starts` lets programs start processes, `processes` how many at a time.
    """

    tier: str
    uid: int
    root: str
    work: str
    read: list[str]
    memory: int
    cpu: int
    disk: int
    starts: bool = False
    processes: int = 0
    preload: list[str] = field(default_factory=list)


class Jail:
    """The jail of one zygote: entered in part by the zygote, in full by each of its children."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.work = WORK if config.tier == "A" else config.work
        self.rules = -1
        self._others = 0
        self._filter = b""
        self._untouched: tuple[int, ...] = ()

    # --- the zygote ---------------------------------------------------------------------

    def enter(self) -> None:
        """Take the zygote as far in as it can still do its work; in tier A it becomes a child."""
        if self.config.tier == "A":
            _enter_namespaces(self.config)
            self._renew()
        else:
            if self.config.uid >= 0:
                _become(self.config.uid)
            if os.uname().sysname == "Linux":
                kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
            # The limit counts whatever else the user runs, now and a little later.
            self._others = 0 if self.config.uid >= 0 else running(os.geteuid()) + _MARGIN
        if self.config.tier != "C":
            self.rules = self._landlock()
            self._filter = seccomp.program(
                kernel.MACHINE, starts=self.config.starts, own_tree=self._own_tree
            )

    def _landlock(self) -> int:
        version = kernel.landlock_version()
        if version == 0:
            raise OSError("the kernel has no Landlock")
        read = [path for path in (*self.config.read, *_DEVICES) if os.path.exists(path)]
        # A new work folder is mounted for every program: the rule is for the one above it.
        write = [os.path.dirname(self.work) if self._own_tree else self.work, "/dev/null"]
        return kernel.landlock_rules(read, write, version)

    @property
    def _own_tree(self) -> bool:
        return self.config.tier == "A"

    def clean(self, first: int) -> None:
        """Kill whatever a program left running and remove whatever it left lying around."""
        if self._own_tree:
            kill_all()
        else:
            kill_group(first)
        if self._own_tree:
            if _stamp(WORK) != self._untouched or os.listdir(WORK):
                kernel.unmount(WORK)
                self._renew()
        else:
            empty(self.work)

    def leave(self) -> NoReturn:
        """End the zygote, because nobody is there any more who would ask it for anything."""
        if not self._own_tree:
            shutil.rmtree(os.path.dirname(self.work), ignore_errors=True)
        os._exit(0)

    def _renew(self) -> None:
        options = f"size={self.config.disk},nr_inodes=4096,mode=0700"
        kernel.mount("tmpfs", WORK, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
        self._untouched = _stamp(WORK)

    # --- a program ----------------------------------------------------------------------

    def lock(self, rules: int) -> None:
        """Lock this process in for good; called in the child that becomes a program."""
        config = self.config
        os.chdir(self.work)
        _limit(config, self._threads())
        if config.tier == "C":
            return
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        kernel.drop_capabilities()
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.landlock_enter(rules)
        os.close(rules)
        kernel.seccomp_enter(seccomp.for_process(self._filter, os.getpid()))

    def _threads(self) -> int:
        """Return the limit on the user's processes and threads, its own ones beside it."""
        wanted = max(self.config.processes, 32)
        if self._own_tree:
            return wanted + 2  # in a user namespace only its own processes count
        return wanted + self._others


def _stamp(path: str) -> tuple[int, ...]:
    """Return what changes in a folder as soon as anything in it does."""
    found = os.stat(path)
    return found.st_mtime_ns, found.st_ctime_ns, found.st_mode, found.st_nlink


def _limit(config: Config, threads: int) -> None:
    def cap(what: int, soft: int, hard: int | None = None) -> None:
        most = resource.getrlimit(what)[1]
        wanted = soft if hard is None else hard
        hard = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(what, (min(soft, hard), hard))

    cap(resource.RLIMIT_CORE, 0)
    cap(resource.RLIMIT_AS, config.memory)
    cap(resource.RLIMIT_CPU, config.cpu, config.cpu + 1)
    cap(resource.RLIMIT_FSIZE, config.disk)
    cap(resource.RLIMIT_NOFILE, _FILES)
    cap(resource.RLIMIT_NPROC, threads)
    cap(resource.RLIMIT_MEMLOCK, 0)
    cap(resource.RLIMIT_STACK, 8 << 20)
    for name in ("RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO"):
        if hasattr(resource, name):
            cap(getattr(resource, name), 0)


# --- namespaces ---------------------------------------------------------------------------


def _enter_namespaces(config: Config) -> None:
    """Become process 1 of new namespaces; the process that calls this waits outside."""
    everything = (
        kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWNET
        | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS | kernel.CLONE_NEWCGROUP
    )  # fmt: skip
    processes = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if config.uid >= 0:
        # The interpreter may lie where another user cannot look, so it is bound before the drop.
        kernel.unshare(kernel.CLONE_NEWNS)
        _build_root(config)
        _become(config.uid)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # or the maps below would still be root's files
        kernel.unshare(everything)
        _map_user(processes, config.uid, config.uid)
    else:
        uid, gid = os.geteuid(), os.getegid()
        kernel.unshare(everything)
        _map_user(processes, uid, gid)
        _build_root(config)
    os.close(processes)
    first = os.fork()
    if first:
        os.closerange(0, 1024)
        _, status = os.waitpid(first, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 255)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    os.umask(0o077)


def _become(uid: int) -> None:
    """Become a user that owns nothing."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _map_user(processes: int, uid: int, gid: int) -> None:
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{_INSIDE_UID} {uid} 1"),
        ("gid_map", f"{_INSIDE_UID} {gid} 1"),
    ):
        handle = os.open(f"self/{name}", os.O_WRONLY | os.O_CLOEXEC, dir_fd=processes)
        try:
            os.write(handle, text.encode())
        finally:
            os.close(handle)


def _build_root(config: Config) -> None:
    """Make a root that holds what may be read, three devices and a work folder, and move there."""
    kernel.mount("", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    root = config.root
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("tmpfs", root, "tmpfs", flags, "size=1m,mode=0755")
    old = os.umask(0o022)
    os.makedirs(root + WORK)
    for path in config.read:
        _bind(root, path, read_only=True)
    for path in _DEVICES:
        _bind(root, path, read_only=False)
    if not os.path.lexists(root + "/tmp"):  # it is there where the interpreter lies below it
        os.symlink(WORK, root + "/tmp")
    os.umask(old)
    bind = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY
    kernel.mount("", root, "", bind | flags)
    kernel.pivot_root(root)


def _bind(root: str, path: str, *, read_only: bool) -> None:
    """Show a path at the same place below a root; a symbolic link stays one."""
    target = root + path
    if os.path.lexists(target) or not os.path.lexists(path):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    kernel.mount(path, target, "", kernel.MS_BIND | kernel.MS_REC)
    if read_only:
        kernel.make_read_only(target)


def configured(shown: dict[str, Any]) -> Config:
    """Return the configuration that a frame holds."""
    return Config(**shown)
