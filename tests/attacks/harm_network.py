"""Programs that try to reach anybody. The listeners are the stage's, on this machine only."""

# fmt: off
from tests.attacks.model import act, tell

BOTH = ("io", "asserts", "stdio")

ATTACKS = [
    act("tcp", "connects to a listener on loopback", """
import socket
def attempt():
    with socket.create_connection(("127.0.0.1", @TCP@), 0.5) as sock:
        sock.sendall(b"@TOKEN@")
""", BOTH),
    act("tcp6", "connects over IPv6 and mapped addresses", """
import socket
def attempt():
    for host in ("::ffff:127.0.0.1", "::1"):
        try:
            with socket.socket(socket.AF_INET6) as sock:
                sock.settimeout(0.5)
                sock.connect((host, @TCP@))
                sock.sendall(b"@TOKEN@")
        except OSError:
            pass
""", BOTH),
    act("tcp_fast_open", "sends with the first packet, without connect", """
import socket
def attempt():
    with socket.socket() as sock:
        sock.sendto(b"@TOKEN@", 0x20000000, ("127.0.0.1", @TCP@))
""", BOTH),
    act("mptcp", "another protocol with the same addresses", """
import socket
def attempt():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as sock:
        sock.settimeout(0.5)
        sock.connect(("127.0.0.1", @TCP@))
        sock.sendall(b"@TOKEN@")
""", BOTH),
    act("udp", "sends a datagram to a listener on loopback", """
import socket
def attempt():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"@TOKEN@", ("127.0.0.1", @UDP@))
""", BOTH),
    act("unix_path", "connects to a socket that lies in a folder", """
import socket
def attempt():
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(0.5)
        sock.connect("@UNIX@")
        sock.sendall(b"@TOKEN@")
""", BOTH),
    act("unix_datagram", "sends to a datagram socket in a folder, without connect", """
import socket
def attempt():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"@TOKEN@", "@UNIX@.dgram")
""", BOTH),
    act("unix_by_pair", "sends from one of a pair of datagram sockets elsewhere", """
import socket
def attempt():
    for name in ("@UNIX@", "@UNIX@.dgram", "\\0@ABSTRACT@", "\\0@ABSTRACT@.dgram"):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
            for action in ("sendto", "sendmsg", "connect"):
                try:
                    left, right = socket.socketpair(socket.AF_UNIX, kind)
                    if action == "sendto":
                        left.sendto(b"@TOKEN@", name)
                    elif action == "sendmsg":
                        left.sendmsg([b"@TOKEN@"], [], 0, name)
                    else:
                        left.connect(name)
                        left.send(b"@TOKEN@")
                except OSError:
                    pass
""", BOTH),
    act("unix_abstract", "connects to a socket in the abstract name space", """
import socket
def attempt():
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(0.5)
        sock.connect("\\0@ABSTRACT@")
        sock.sendall(b"@TOKEN@")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"@TOKEN@", "\\0@ABSTRACT@.dgram")
""", BOTH),
    act("resolver", "asks a name server of its own for a name", """
import socket
def attempt():
    query = b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\x0b@TOKEN@\\0\\0\\1\\0\\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", @UDP@))
        sock.send(query)
"""),
    act("urllib", "asks by HTTP, with proxies from the environment", """
import urllib.request
def attempt():
    urllib.request.urlopen("http://127.0.0.1:@TCP@/@TOKEN@", timeout=0.5).read()
"""),
    act("foreign_sockets", "sends on every socket that it was given", """
import os, socket, stat
def attempt():
    for fd in range(256):
        try:
            if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                continue
            sock = socket.socket(fileno=os.dup(fd))
            for to in (("127.0.0.1", @UDP@), "@UNIX@.dgram", "\\0@ABSTRACT@.dgram"):
                try:
                    sock.sendto(b"@TOKEN@", socket.MSG_DONTWAIT, to)
                except (OSError, TypeError):
                    pass
        except OSError:
            pass
""", ("stdio",)),
    tell("other_families", "opens sockets that talk to kernel, radio, hypervisor or wire", """
import socket
def attempt():
    won = 0
    for family, kind in ((16, 3), (17, 3), (40, 1), (38, 5), (31, 3), (29, 3), (44, 3), (2, 3),
                         (10, 3), (2, 1), (2, 2), (10, 1), (15, 3), (30, 1), (21, 5), (43, 1)):
        try:
            socket.socket(family, kind).close()
            won += 1
        except OSError:
            pass
    return won > 0
""", BOTH),
    tell("interfaces", "sees the machine's network interfaces and routes", """
import socket
def attempt():
    names = {name for _, name in socket.if_nameindex()} - {"lo", "sit0", "tunl0", "ip6tnl0"}
    return bool(names)
"""),
]
