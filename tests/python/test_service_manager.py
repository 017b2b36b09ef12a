"""What chatd tells the service manager: that it is ready, that it stops, and that it is alive only while all its loops run."""

import ctypes
import os
import pathlib
import signal
import socket

import pytest
from support import LIMIT_S, wait_until

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000


class Manager:
    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(LIMIT_S)
        self.socket.bind(address)

    def receive(self):
        return self.socket.recv(4096).decode()

    def receive_other(self, than):
        while (message := self.receive()) == than:
            pass
        return message

    def is_silent(self, seconds):
        self.socket.settimeout(0)  # On purpose: only what is there already.
        try:
            while True:  # what was sent before
                self.socket.recv(4096)
        except BlockingIOError:
            pass
        self.socket.settimeout(seconds)
        try:
            return not self.socket.recv(4096)
        except (TimeoutError, BlockingIOError):
            return True
        finally:
            self.socket.settimeout(LIMIT_S)


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    address = str(tmp_path / "notify") if request.param == "path" else f"\0chatd-test-{os.getpid()}-{tmp_path.name}"
    manager = Manager(address)
    manager.variable = address.replace("\0", "@")
    yield manager
    manager.socket.close()


def test_ready_and_stopping(start_chatd, manager):
    chatd = start_chatd(env={"NOTIFY_SOCKET": manager.variable})
    assert manager.receive() == f"READY=1\nSTATUS=Listening on http://127.0.0.1:{chatd.port}/"
    chatd.end_gently()
    assert manager.receive().startswith("STOPPING=1\n")
    assert chatd.wait() == 0


def test_a_start_that_fails_is_never_ready(start_chatd, start_program, manager):
    chatd = start_chatd()
    program = start_program("chatd", "--port", chatd.port, "--address", "127.0.0.1", env={"NOTIFY_SOCKET": manager.variable})
    program.expected_code = 1
    assert program.wait() == 1
    assert manager.is_silent(0)


def test_no_signs_of_life_are_sent_unasked(start_chatd, manager):
    for variables in ({}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "0"}):
        chatd = start_chatd(env={"NOTIFY_SOCKET": manager.variable, **variables})
        assert manager.receive().startswith("READY=1")
        chatd.end_gently()
        assert manager.receive().startswith("STOPPING=1"), variables
        assert chatd.wait() == 0


@pytest.mark.parametrize("variable", ["", "vsock:2:1", "relative", "/no/such/socket", "/" + "x" * 200])
def test_a_manager_that_cannot_be_reached_is_ignored(start_chatd, still_chats, variable):
    still_chats(start_chatd(env={"NOTIFY_SOCKET": variable, "WATCHDOG_USEC": "100000"}))


def test_signs_of_life_end_when_one_loop_hangs(start_chatd, manager):
    """One thread of several is stopped by ptrace; all others go on, the one that sends the signs included."""
    seconds = max(2, 2 * LIMIT_S // 60)
    chatd = start_chatd("--threads", "3", env={"NOTIFY_SOCKET": manager.variable, "WATCHDOG_USEC": str(seconds * 1_000_000)})
    assert manager.receive().startswith("READY=1")
    for _ in range(3):
        assert manager.receive() == "WATCHDOG=1"
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    loops = wait_until(lambda: waiting_loops(chatd.pid, 3), "three loops that wait")
    if libc.ptrace(PTRACE_SEIZE, loops[1], None, None) != 0:
        pytest.skip(f"ptrace is not allowed here: {os.strerror(ctypes.get_errno())}")
    try:
        assert libc.ptrace(PTRACE_INTERRUPT, loops[1], None, None) == 0
        os.waitpid(loops[1], WALL)
        chatd.wait_error(r"error chatd: watchdog: [123] of 3 loops had no turn within \d+ ms")
        assert manager.is_silent(seconds)
    finally:
        libc.ptrace(PTRACE_DETACH, loops[1], None, None)
    chatd.wait_error("info chatd: watchdog: all loops run again")
    assert manager.receive() == "WATCHDOG=1"
    chatd.end_gently()
    assert manager.receive_other("WATCHDOG=1").startswith("STOPPING=1")


def waiting_loops(pid, count):
    """The threads that wait for sockets, if there are so many: not the main one and the log's."""
    loops = [int(name) for name in os.listdir(f"/proc/{pid}/task") if "epoll" in system_call(pid, name)]
    return loops if len(loops) == count else None


def system_call(pid, tid):
    """The system call in which the thread waits, by name where it is one of epoll's."""
    number = pathlib.Path(f"/proc/{pid}/task/{tid}/syscall").read_text().split()[0]
    by_machine = {"x86_64": {"232": "epoll_wait", "281": "epoll_pwait"}, "aarch64": {"22": "epoll_pwait"}}
    return by_machine.get(os.uname().machine, {}).get(number, number)
