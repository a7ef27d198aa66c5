"""Python: files, threads, processes, signals, compression, numbers, an exception too deep."""

from __future__ import annotations

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

DATA = {"numbers": [n * n for n in range(200)], "text": "äöü €", "x": [None, True, 1.5e300]}
lock = threading.Lock()
total = 0


def add() -> None:
    global total
    for _ in range(500):
        with lock:
            total += 1


def deep(n: int) -> int:
    return deep(n + 1)


def texts() -> None:
    assert json.loads(json.dumps(DATA)) == DATA
    print(hashlib.sha256(json.dumps(DATA).encode()).hexdigest())
    print(zlib.crc32(zlib.compress(bytes(range(256)) * 100)))
    print(re.sub(r"(\w)(\w*)", r"\2\1", "pig latin now"))
    print(2**200 % 1000007, round(2.675, 2), f"{1 / 3:.20f}")


def threads() -> None:
    with ThreadPoolExecutor(4) as pool:
        print(sum(pool.map(lambda n: n * 2, range(100))))
    workers = [threading.Thread(target=add) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(total, threading.Event().wait(0.01))


def processes() -> None:
    print(subprocess.run(["tr", "a-z", "A-Z"], input=b"to a child\n", capture_output=True).stdout)
    signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.pause()
    pid = os.fork()
    if not pid:
        os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def files() -> None:
    with open("python.bin", "w+b") as file:
        file.write(struct.pack("<IdH", 1, 2.5, 3))
        file.seek(4)
        print(struct.unpack("<d", file.read(8)), file.tell())
    print(os.stat("python.bin").st_size, time.strftime("%F", time.gmtime(86400)))


texts()
threads()
processes()
files()
try:
    deep(0)
except RecursionError as error:
    print(error)
sys.exit("the end")
