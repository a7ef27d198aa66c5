"""Names of constants of sockets, of waiting and of terminals, in the order of strace.

Facts only, as in names.py. sys/epoll.h, bits/socket.h, linux/in.h, asm-generic/termbits.h.
"""

from __future__ import annotations

from typing import Final

from kernel_stub.vfs import modes

SPLICE: Final = {
    "SPLICE_F_MOVE": 1,
    "SPLICE_F_NONBLOCK": 2,
    "SPLICE_F_MORE": 4,
    "SPLICE_F_GIFT": 8,
}
TIMERFD: Final = {"TFD_TIMER_ABSTIME": 1, "TFD_TIMER_CANCEL_ON_SET": 2} | {
    "TFD_CLOEXEC": modes.O_CLOEXEC,
    "TFD_NONBLOCK": modes.O_NONBLOCK,
}
TIMERFD_SET: Final = {"TFD_TIMER_ABSTIME": 1, "TFD_TIMER_CANCEL_ON_SET": 2}
SIGNALFD: Final = {"SFD_CLOEXEC": modes.O_CLOEXEC, "SFD_NONBLOCK": modes.O_NONBLOCK}
EPOLL_CREATE: Final = {"EPOLL_CLOEXEC": modes.O_CLOEXEC}
EPOLL: Final = {
    "EPOLLIN": 1,
    "EPOLLPRI": 2,
    "EPOLLOUT": 4,
    "EPOLLERR": 8,
    "EPOLLHUP": 0x10,
    "EPOLLRDNORM": 0x40,
    "EPOLLRDBAND": 0x80,
    "EPOLLWRNORM": 0x100,
    "EPOLLWRBAND": 0x200,
    "EPOLLMSG": 0x400,
    "EPOLLRDHUP": 0x2000,
    "EPOLLEXCLUSIVE": 1 << 28,
    "EPOLLWAKEUP": 1 << 29,
    "EPOLLONESHOT": 1 << 30,
    "EPOLLET": 1 << 31,
}
MESSAGE: Final = {
    "MSG_OOB": 0x1,
    "MSG_PEEK": 0x2,
    "MSG_DONTROUTE": 0x4,
    "MSG_CTRUNC": 0x8,
    "MSG_TRUNC": 0x20,
    "MSG_DONTWAIT": 0x40,
    "MSG_EOR": 0x80,
    "MSG_WAITALL": 0x100,
    "MSG_CONFIRM": 0x800,
    "MSG_NOSIGNAL": 0x4000,
    "MSG_MORE": 0x8000,
    "MSG_WAITFORONE": 0x10000,
    "MSG_CMSG_CLOEXEC": 0x4000_0000,
}
TTY_INPUT: Final = {
    name: 1 << bit
    for bit, name in enumerate(
        "IGNBRK BRKINT IGNPAR PARMRK INPCK ISTRIP INLCR IGNCR ICRNL IUCLC IXON IXANY IXOFF IMAXBEL "
        "IUTF8".split()
    )
}
TTY_OUTPUT: Final = {
    name: 1 << bit
    for bit, name in enumerate(["OPOST", "OLCUC", "ONLCR", "OCRNL", "ONOCR", "ONLRET"])
}
TTY_CONTROL: Final = {
    "CSTOPB": 0x40,
    "CREAD": 0x80,
    "PARENB": 0x100,
    "PARODD": 0x200,
    "HUPCL": 0x400,
    "CLOCAL": 0x800,
    "CRTSCTS": 1 << 31,
}
TTY_LOCAL: Final = {
    "ISIG": 0x1,
    "ICANON": 0x2,
    "XCASE": 0x4,
    "ECHO": 0x8,
    "ECHOE": 0x10,
    "ECHOK": 0x20,
    "ECHONL": 0x40,
    "NOFLSH": 0x80,
    "IEXTEN": 0x8000,
    "ECHOCTL": 0x200,
    "ECHOPRT": 0x400,
    "ECHOKE": 0x800,
    "FLUSHO": 0x1000,
    "PENDIN": 0x4000,
    "TOSTOP": 0x100,
}
SOCKET_LEVEL: Final = {0: "SOL_IP", 1: "SOL_SOCKET", 6: "SOL_TCP", 17: "SOL_UDP", 41: "SOL_IPV6"}
PROTOCOL: Final = {
    0: "IPPROTO_IP",
    1: "IPPROTO_ICMP",
    6: "IPPROTO_TCP",
    17: "IPPROTO_UDP",
    41: "IPPROTO_IPV6",
    58: "IPPROTO_ICMPV6",
    255: "IPPROTO_RAW",
}
CONTROL: Final = {1: "SCM_RIGHTS", 2: "SCM_CREDENTIALS"}
SHUTDOWN: Final = {0: "SHUT_RD", 1: "SHUT_WR", 2: "SHUT_RDWR"}
EPOLL_CTL: Final = {1: "EPOLL_CTL_ADD", 2: "EPOLL_CTL_DEL", 3: "EPOLL_CTL_MOD"}
