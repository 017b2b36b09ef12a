"""SIGHUP: a daemon goes on, with or without TLS; who sits in a terminal ends with it, unless nohup says otherwise."""

import os
import pty
import signal
import sys

import pytest

# Makes the terminal of that name its own, which chatd inherits together with SIGHUP's disposition.
IN_TERMINAL = """
import os, signal, sys
os.setsid()
os.set_inheritable(os.open(sys.argv[1], os.O_RDWR), True)
if sys.argv[2] == "nohup": signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.execvp(sys.argv[3], sys.argv[3:])
"""


@pytest.fixture
def masters():
    """Of terminals, to be closed when the programs in them have ended."""
    descriptors = []
    yield descriptors
    for descriptor in descriptors:
        os.close(descriptor)


@pytest.fixture
def in_terminal(masters, start_chatd):
    """Starts chatd in a terminal of its own, and gives a function besides that makes the terminal vanish."""

    def start(nohup=""):
        master, slave = pty.openpty()
        masters.append(master)
        chatd = start_chatd(wrapper=(sys.executable, "-c", IN_TERMINAL, os.ttyname(slave), nohup))
        os.close(slave)
        return chatd, lambda: os.close(masters.pop())

    return start


def test_without_tls_it_goes_on(start_chatd, still_chats):
    chatd = start_chatd()
    chatd.signal(signal.SIGHUP)
    chatd.wait_error("SIGHUP: without TLS there is nothing to reload")
    still_chats(chatd)


def test_in_a_terminal_a_signal_alone_does_not_end_it(in_terminal, still_chats):
    chatd, _ = in_terminal()
    chatd.signal(signal.SIGHUP)
    chatd.wait_error("nothing to reload")
    still_chats(chatd)


def test_it_ends_with_its_terminal(in_terminal, websocket):
    chatd, hang_up = in_terminal()
    ann = websocket(chatd)
    hang_up()
    assert ann.read_close() == 1001
    ann.close()
    chatd.told_to_end = True
    assert chatd.wait() == 0


def test_with_nohup_it_outlives_its_terminal(in_terminal, still_chats):
    chatd, hang_up = in_terminal("nohup")
    hang_up()
    chatd.wait_error("nothing to reload")
    still_chats(chatd)
