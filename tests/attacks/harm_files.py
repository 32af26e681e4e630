"""Programs that read what is secret and write where they should not."""

# fmt: off
from tests.attacks.model import act, tell

BOTH = ("io", "asserts", "stdio")
# What a secret looks like; the pattern does not match itself.
SEEK = """
import glob, os, re
def secret(*paths):
    for path in paths:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            data = os.read(handle, 1 << 22)
            os.close(handle)
        except OSError:
            continue
        if re.search(rb"cnry[0-9a-f]{16}", data):
            return True
    return False
"""
WRITE = """
import os
def write(path):
    try:
        with open(path, "w") as file:
            file.write("@TOKEN@")
    except OSError:
        pass
"""

ATTACKS = [
    tell("read_home_secret", "reads a file of mode 600 in the user's home folder", SEEK + """
def attempt():
    return secret("@SECRET_HOME@")
""", BOTH),
    tell("read_open_secret", "reads a file that everybody on the machine may read", SEEK + """
def attempt():
    return secret("@SECRET_OPEN@")
""", BOTH),
    tell("read_secret_by_root", "reads secrets by /proc/*/root and /proc/*/cwd", SEEK + """
def attempt():
    for base in ("/proc/1/root", f"/proc/{os.getppid()}/root", "/proc/self/root",
                 "/proc/1/cwd/../../../..", f"/proc/{os.getppid()}/cwd/../../../../.."):
        if secret(base + "@SECRET_OPEN@", base + "@SECRET_HOME@"):
            return True
    return False
""", BOTH),
    tell("read_secret_by_fd", "climbs out by every descriptor that is a folder", SEEK + """
def attempt():
    for fd in range(256):
        for up in ("", "..", "../..", "../../..", "../../../../../.."):
            try:
                handle = os.open(up + "@SECRET_OPEN@" if up else "@SECRET_OPEN@"[1:], os.O_RDONLY,
                                 dir_fd=fd)
                if re.search(rb"cnry[0-9a-f]{16}", os.read(handle, 4096)):
                    return True
            except OSError:
                pass
    return False
""", BOTH),
    tell("read_environment", "finds secrets in its own environment", """
import os, re
def attempt():
    own = repr(dict(os.environ)).encode()
    try:
        with open("/proc/self/environ", "rb") as file:
            own += file.read()
    except OSError:
        pass
    return bool(re.search(rb"cnry[0-9a-f]{16}", own))
""", BOTH),
    tell("read_other_environments", "finds secrets in environments of others", SEEK + """
def attempt():
    return secret(*glob.glob("/proc/[0-9]*/environ"))
""", BOTH),
    tell("read_arguments", "finds secrets in command lines of others", SEEK + """
def attempt():
    return secret(*glob.glob("/proc/[0-9]*/cmdline"))
""", BOTH),
    tell("read_stack_environment", "reads the start-up environment above its own stack", """
import ctypes, re
def attempt():
    libc = ctypes.CDLL(None)
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
    found = b""
    for at in range(1000):
        if not environ or environ[at] is None:
            break
        found += environ[at]
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            if "[stack]" in line:
                low, high = (int(x, 16) for x in line.split()[0].split("-"))
                memory.seek(low)
                found += memory.read(high - low)
    return bool(re.search(rb"cnry[0-9a-f]{16}", found))
""", BOTH),
    tell("read_shadow", "reads password hashes, keys and devices", """
def attempt():
    for path in ("/etc/shadow", "/etc/sudoers", "/root/.ssh/id_rsa", "/dev/mem", "/dev/kmsg",
                 "/dev/vda", "/dev/sda", "/proc/kcore", "/proc/1/environ", "/proc/1/mem"):
        try:
            with open(path, "rb", 0) as file:
                if file.read(1):
                    return True
        except OSError:
            pass
    return False
"""),
    tell("read_kernel_settings", "may open settings of the kernel for writing", """
import os
def attempt():
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger",
                 "/sys/kernel/uevent_helper", "/proc/1/oom_score_adj",
                 "/sys/fs/cgroup/cgroup.procs", "/proc/sys/kernel/modprobe"):
        try:
            os.close(os.open(path, os.O_WRONLY))
            return True
        except OSError:
            pass
    return False
"""),
    tell("read_by_handle", "opens files by handle, past every folder", """
import ctypes, os, struct
def attempt():
    libc = ctypes.CDLL(None, use_errno=True)
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
    mount = ctypes.c_int()
    if libc.name_to_handle_at(-100, b".", handle, ctypes.byref(mount), 0):
        return False
    root = os.open("/", os.O_RDONLY)
    return libc.open_by_handle_at(root, handle, os.O_RDONLY) >= 0
"""),
    act("write_outside", "writes into temporary, home, package and working folders", WRITE + """
def attempt():
    for place in "@PLACES@".split(":"):
        write(place + "/@TOKEN@")
        try:
            os.mkdir(place + "/@TOKEN@.d")
        except OSError:
            pass
""", BOTH),
    act("write_by_root", "writes by /proc/*/root, /proc/*/cwd and /proc/*/fd", WRITE + """
def attempt():
    for pid in ("1", os.getppid(), "self"):
        for place in "@PLACES@".split(":"):
            write(f"/proc/{pid}/root{place}/@TOKEN@")
        write(f"/proc/{pid}/cwd/@TOKEN@")
        for fd in range(64):
            path = f"/proc/{pid}/fd/{fd}"
            try:
                if os.path.isdir(path):
                    write(path + "/@TOKEN@")
            except OSError:
                pass
""", BOTH),
    act("write_by_links", "plants links in its folder for whoever cleans up or writes", WRITE + """
def attempt():
    for number, place in enumerate("@PLACES@".split(":")):
        for target in (place, place + "/@TOKEN@"):
            for name in (f"link{number}", "out", "core", "result.json", "verdict", "tmp"):
                try:
                    os.symlink(target, name)
                except OSError:
                    pass
        write(f"link{number}/@TOKEN@")
        try:
            os.link("@VICTIM_FILE@", f"hard{number}")
            os.truncate(f"hard{number}", 0)
        except OSError:
            pass
""", BOTH),
    act("spoil_file", "removes, empties and renames a file that everybody may write", """
import os
def attempt():
    for action in (lambda: os.truncate("@VICTIM_FILE@", 0), lambda: os.unlink("@VICTIM_FILE@"),
                   lambda: os.rename("@VICTIM_FILE@", "@VICTIM_FILE@.gone")):
        try:
            action()
        except OSError:
            pass
""", BOTH),
    act("spoil_attributes", "changes mode, owner and times of a file", """
import os
def attempt():
    for action in (lambda: os.chmod("@VICTIM_FILE@", 0o777),
                   lambda: os.utime("@VICTIM_FILE@", (1, 1)),
                   lambda: os.chown("@VICTIM_FILE@", 65534, 65534),
                   lambda: os.setxattr("@VICTIM_FILE@", "user.x", b"@TOKEN@")):
        try:
            action()
        except OSError:
            pass
""", BOTH),
    act("spoil_own_rows", "writes into the file of rows and the outputs of the run", """
import glob, os
def attempt():
    for path in ["@ROWS@", *glob.glob("@STAGE@/*")]:
        try:
            with open(path, "ab") as file:
                file.write(b'{"@TOKEN@":1}\\n')
        except OSError:
            pass
""", BOTH),
    *(
        act(f"write_by_{name}", f"starts {what} that writes outside", f"""
import multiprocessing, os, subprocess, sys
SCRIPT = "; ".join(f"echo @TOKEN@ > {{place}}/@TOKEN@" for place in "@PLACES@".split(":"))
def attempt():
    {code}
""", ("io", "stdio"))
        for name, what, code in (
            ("system", "os.system", "os.system(SCRIPT)"),
            ("subprocess", "subprocess with /bin/sh",
             'subprocess.run(["/bin/sh", "-c", SCRIPT], timeout=1)'),
            ("spawn", "posix_spawn",
             'os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", SCRIPT], {}), 0)'),
            ("exec", "exec in a fork",
             'os.fork() or os.execv("/bin/sh", ["sh", "-c", SCRIPT])'),
            ("memfd_exec", "a copy of the shell in memory",
             ('fd = os.memfd_create("x"); os.write(fd, open("/bin/sh", "rb").read()); '
              'os.fork() or os.execve(fd, ["sh", "-c", SCRIPT], {})')),
            ("loader", "the shell through the dynamic loader",
             'subprocess.run(["/lib64/ld-linux-x86-64.so.2", "/bin/sh", "-c", SCRIPT], timeout=1)'),
            ("multiprocessing", "a process of multiprocessing",
             'p = multiprocessing.Process(target=os.system, args=(SCRIPT,)); p.start(); p.join(1)'),
        )
    ),
    act("setuid_file", "leaves a set-uid shell and a set-gid folder", """
import os, shutil
def attempt():
    for place in (".", *"@PLACES@".split(":")):
        try:
            path = f"{place}/@TOKEN@"
            with open(path, "wb") as file:
                file.write(b"#!/bin/sh\\n")
            os.chmod(path, 0o6755)
        except OSError:
            pass
"""),
    tell("device_node", "makes a device node and reads the disk through it", """
import os, stat
def attempt():
    for number in (os.makedev(1, 3), os.makedev(1, 1), os.makedev(254, 0)):
        try:
            os.mknod("@TOKEN@dev", 0o600 | stat.S_IFCHR, number)
            os.unlink("@TOKEN@dev")
            return True
        except OSError:
            pass
    return False
"""),
]
