"""Unpacks Debian's i386 packages into a directory of their own, for `--root` and for chroot.

apt does the fetching, with a state and a cache of its own: nothing is installed on this host, and
its lists stay as they are. No maintainer script runs; what those would make, and the table's
programs need, is made here.

    python -m tests.programs.fetch           what the quick rows need
    python -m tests.programs.fetch --all     what every row needs, about 110 MB to fetch
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.programs.places import TREE
from tests.programs.table import I386, TABLE

# Beside the rows' own: a shell for system(3) and `env` for the runner.
ALWAYS: Final = ("dash", "coreutils", "base-files")
CONFIGURATION: Final = """
Dir::State "{state}";
Dir::State::Lists "{state}/lists";
Dir::State::status "{state}/status";
Dir::Cache "{state}/cache";
APT::Architecture "i386";
APT::Architectures {{ "i386"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
"""
ACCOUNTS: Final = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
    "etc/group": "root:x:0:\n",
}
LINKS: Final = {"usr/bin/awk": "mawk"}


def wanted(everything: bool) -> list[str]:
    """The packages of the rows that run in i386."""
    rows = [row for row in TABLE if I386 in (row.abis if everything else row.quick)]
    return sorted({*ALWAYS, *(package for row in rows for package in row.packages)})


def fetch(packages: list[str], state: Path) -> list[Path]:
    """Fetches the packages and all that they depend on. Raises CalledProcessError."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    (state / "apt.conf").write_text(CONFIGURATION.format(state=state), "utf-8")
    variables = {**os.environ, "APT_CONFIG": str(state / "apt.conf")}
    install = ["apt-get", "install", "-qq", "--yes", "--download-only", *packages]
    # A mirror in mid-change lacks some lists: what is missing then, the second command tells.
    subprocess.run(["apt-get", "update", "-qq"], env=variables, check=False)
    subprocess.run(install, env=variables, check=True, stdout=subprocess.DEVNULL)
    return sorted(state.glob("cache/archives/*.deb"))


def unpack(archives: list[Path], tree: Path) -> None:
    for archive in archives:
        subprocess.run(["dpkg-deb", "--extract", archive, tree], check=True)
    for folder in ("tmp", "dev", "proc"):
        (tree / folder).mkdir(exist_ok=True)
    (tree / "tmp").chmod(0o1777)
    for name, text in ACCOUNTS.items():
        (tree / name).write_text(text, "utf-8")
    for name, target in LINKS.items():
        if not (tree / name).is_symlink():
            (tree / name).symlink_to(target)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="fetch", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--all", action="store_true", help="for every row")
    options = parser.parse_args(arguments)
    packages, unpacked = wanted(options.all), TREE / "packages"
    if unpacked.exists() and set(packages) <= set(unpacked.read_text("utf-8").split()):
        return 0
    TREE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as state:
        try:
            archives = fetch(packages, Path(state))
            unpack(archives, TREE)
        except subprocess.CalledProcessError as error:
            print(f"{error.cmd[0]} failed with status {error.returncode}", file=sys.stderr)
            return 1
    unpacked.write_text("\n".join(packages) + "\n", "utf-8")
    print(f"{len(archives)} packages unpacked into {TREE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
