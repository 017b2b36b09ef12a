"""Makes a wheel of pychat portable.

    repair.py --libwebsockets PREFIX WHEEL FOLDER

auditwheel copies the libraries that a system may lack into the wheel and tags the wheel with the oldest glibc that it supports.
This script adds the notices of the bundled libraries, and rejects a wheel that would still search for libwebsockets or its
plugins on the system. It needs the environment of requirements.txt. cibuildwheel's repair-wheel-command runs it too.
"""

import argparse
import importlib.metadata
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from auditwheel.elfutils import elf_read_dt_needed

# libuv-5f2c1e9a.so.1.0.0: auditwheel inserts a hash between a library's name and its version.
GRAFTED = re.compile(r"^(?P<name>.+)-[0-9a-f]{8}(?P<version>\.so.*)$")

CARRIED = re.compile(r"^lib(websockets|uv|cjson|ssl|crypto|prometheus-cpp|sqlite3|hiredis)\b")

HEADING = """\
pychat carries the libraries below, each as the machine that built this wheel had it. These are their notices. Texts that they
name by a file of Debian are at the end where they concern what is carried; the others are of files that are not.
"""


def fail(reason):
    sys.exit(f"repair: {reason}")


def run(*command):
    finished = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if finished.returncode != 0:
        fail(f"{' '.join(map(str, command))}:\n{finished.stdout}")
    return finished.stdout


def answer_of(*command):
    """The output of a package manager query; empty if the command is missing or fails."""
    if shutil.which(command[0]) is None:
        return ""
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return finished.stdout.strip() if finished.returncode == 0 else ""


def notice_of_package(file_name):
    """The package of a system library, its version and its notices, from dpkg or rpm."""
    for line in answer_of("dpkg-query", "--search", f"*/{file_name}").splitlines():
        package = line.split(": ")[0]
        copyright_file = pathlib.Path("/usr/share/doc", package.split(":")[0], "copyright")
        if copyright_file.is_file():
            version = answer_of("dpkg-query", "--show", "--showformat=${Version}", package)
            return package.split(":")[0], version, copyright_file.read_text()
    for folder in ("/usr/lib64", "/usr/local/lib64", "/usr/local/lib"):
        package = answer_of("rpm", "--query", "--file", "--queryformat", "%{NAME} %{VERSION}", f"{folder}/{file_name}")
        if package:
            name, version = package.split()
            files = [pathlib.Path(line) for line in answer_of("rpm", "--query", "--licensefiles", name).splitlines()]
            if files:
                return name, version, "\n".join(file.read_text() for file in files)
    fail(f"no package has the library {file_name} and notices for it")


def notice_of_libwebsockets(prefix):
    folder = prefix / "share/licenses/libwebsockets"
    texts = [(folder / name).read_text() for name in ("LICENSE", "copyright") if (folder / name).is_file()]
    return "libwebsockets", (folder / "version").read_text().strip(), "\n".join(texts)


def notice_of_pybind11():
    distribution = importlib.metadata.distribution("pybind11")
    licence = next(file for file in distribution.files if file.name == "LICENSE")
    return "pybind11", distribution.version, licence.read_text()


def notice_of_socket_io_client(tree):
    """The notice of the Socket.IO client's bundles, if they are compiled into libchat."""
    licence = tree / "pychat/socket.io-client.LICENSE"
    if not licence.is_file():
        return []
    (library,) = tree.glob("pychat/libchat*.so*")
    version = re.search(rb"Socket\.IO v([0-9.]+)", library.read_bytes())
    if not version:
        fail("the Socket.IO client's licence is there and its bundles are not")
    return [("socket.io-client", version[1].decode(), licence.read_text())]


def third_party(tree, libwebsockets):
    """The notices of all third-party code in an unpacked wheel."""
    notices = [notice_of_libwebsockets(libwebsockets), notice_of_pybind11(), *notice_of_socket_io_client(tree)]
    for library in sorted(tree.glob("*.libs/*")):
        named = GRAFTED.match(library.name)
        if not named:
            fail(f"{library.name} was not put there by auditwheel")
        notice = notice_of_package(named["name"] + named["version"])
        if notice not in notices:  # a package may provide several libraries
            notices.append(notice)
    rule = "=" * 100
    parts = [HEADING, *(f"{rule}\n{name} {version}\n{rule}\n\n{text}" for name, version, text in notices)]
    apache = pathlib.Path("/usr/share/common-licenses/Apache-2.0")
    if any("common-licenses/Apache-2.0" in text for _, _, text in notices):
        parts.append(f"{rule}\nApache License 2.0\n{rule}\n\n{apache.read_text()}")
    return "\n".join(parts)


def add_notices(tree, text):
    (dist_info,) = tree.glob("*.dist-info")
    licences = dist_info / "licenses"
    licences.mkdir(exist_ok=True)
    (licences / "THIRD-PARTY.txt").write_text(text)
    metadata = dist_info / "METADATA"
    headers, separator, body = metadata.read_text().partition("\n\n")
    metadata.write_text(f"{headers}\nLicense-File: THIRD-PARTY.txt{separator}{body}")


def check_libraries(tree):
    """Fails if the wheel would search the system for a library that it must contain."""
    for library in [*tree.glob("*.libs/*"), *tree.glob("pychat/*.so*")]:
        for needed in elf_read_dt_needed(library):
            if CARRIED.match(needed) and not GRAFTED.match(needed):
                fail(f"{library.name} still needs the system's {needed}")
        # Only a libwebsockets with plugins contains this text.
        if b"unable to load evlib plugin" in library.read_bytes():
            fail(f"{library.name} has a libwebsockets that opens its event loop as a plugin: see build_libwebsockets.sh")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--libwebsockets", type=pathlib.Path, required=True, metavar="PREFIX")
    parser.add_argument("wheel", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", work / "grafted", arguments.wheel)
        (grafted,) = (work / "grafted").iterdir()
        run(sys.executable, "-m", "wheel", "unpack", "--dest", work, grafted)
        (tree,) = (path for path in work.iterdir() if path.name != "grafted")
        check_libraries(tree)
        add_notices(tree, third_party(tree, arguments.libwebsockets))
        run(sys.executable, "-m", "wheel", "pack", "--dest-dir", arguments.folder, tree)
        print(arguments.folder / grafted.name)


main()
