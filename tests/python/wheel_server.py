"""A server from an installed pychat, which tells what it is made of; started by test_wheel.py in the wheel's own environment.

    wheel_server.py [--gone LIBRARY]... [--certificate FILE --key FILE] [--ssl before|after]
    wheel_server.py --check

Prints its port, serves until its input ends, and prints the files that the process has mapped by then. --gone: such a library
must not be there to be opened. --ssl: Python's own TLS is used in the same process, first loaded before or after pychat, and
talks to the server. --check only starts and stops a server.
"""

import argparse
import ctypes
import json
import socket
import sys


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--gone", action="append", default=[])
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--ssl", choices=["before", "after"])
    return parser.parse_args()


def must_be_gone(libraries):
    for library in libraries:
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        sys.exit(f"{library} can still be opened")


def mapped_files():
    with open("/proc/self/maps") as maps:
        lines = [line.split(maxsplit=5) for line in maps]
    return sorted({line[5].strip() for line in lines if len(line) == 6 and line[5].startswith("/")})


def talk_over_tls(port, certificate):
    """What Python's own TLS makes of the server's: the protocol version, and the first line of the answer."""
    import ssl

    context = ssl.create_default_context(cafile=certificate)
    with socket.create_connection(("127.0.0.1", port), 30) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.version(), connection.makefile("rb").readline().decode().strip()


arguments = parse()
must_be_gone(arguments.gone)
if arguments.ssl == "before":
    import ssl  # noqa: F401

import pychat  # noqa: E402

options = {}
if arguments.certificate:
    options = {"tls_certificate_file": arguments.certificate, "tls_private_key_file": arguments.key}
with pychat.Server(address="127.0.0.1", port=0, **options) as server:
    if not arguments.check:
        print(json.dumps({"port": server.port, "package": pychat.__file__}), flush=True)
        answer = talk_over_tls(server.port, arguments.certificate) if arguments.ssl else None
        sys.stdin.read()
        print(json.dumps({"mapped": mapped_files(), "answer": answer}), flush=True)
