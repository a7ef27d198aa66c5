"""Python: files, threads, processes, signals, sockets of a pair, compression, numbers."""

import hashlib
import json
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

data = {
    "numbers": [n * n for n in range(200)],
    "text": "äöü €",
    "nested": {"x": [None, True, 1.5e300]},
}
assert json.loads(json.dumps(data)) == data
print(hashlib.sha256(json.dumps(data).encode()).hexdigest())
print(
    zlib.crc32(zlib.compress(bytes(range(256)) * 100)),
    re.sub(r"(\w)(\w*)", r"\2\1", "pig latin now"),
)
with ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(lambda n: n * 2, range(100))))
lock, total = threading.Lock(), [0]


def add():
    for _ in range(500):
        with lock:
            total[0] += 1


threads = [threading.Thread(target=add) for _ in range(4)]
[t.start() for t in threads], [t.join() for t in threads]
print(total)
print(subprocess.run(["tr", "a-z", "A-Z"], input=b"to a child\n", capture_output=True))
signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.01)
signal.pause()
pid = os.fork()
if not pid:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
with open("python.bin", "w+b") as f:
    f.write(struct.pack("<IdH", 1, 2.5, 3))
    f.seek(4)
    print(struct.unpack("<d", f.read(8)), f.tell())
event = threading.Event()
print(
    event.wait(0.01),
    time.strftime("%F", time.gmtime(86400)),
    2**200 % 1000007,
    round(2.675, 2),
    f"{1 / 3:.20f}",
)
print(sorted(os.listdir("."))[:2], os.stat("python.bin").st_size, sys.getrecursionlimit())


def deep(n):
    return deep(n + 1)


try:
    deep(0)
except RecursionError as error:
    print(error)
sys.exit("the end")
