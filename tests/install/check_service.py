#!/usr/bin/env python3
"""chatd as a service of systemd, from its package, in the namespaces of check_packages.sh: nothing runs unasked, the socket
starts it, it is confined, it reloads its certificate, it restarts without refusing anyone, a hanging one is started again, and a broken configuration says so.

    check_service.py CHATD_PACKAGE
"""

import json
import pathlib
import pwd
import ssl
import subprocess
import sys
import threading
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
from support import Closed, Raw, wait_until  # noqa: E402

CONFIG = pathlib.Path("/etc/chatd/chatd.conf")
# On purpose: in a network of its own.
SERVER = types.SimpleNamespace(host="127.0.0.1", port=3000)


def run(*command, check=True):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert not check or result.returncode == 0, f"{' '.join(command)}: {result.returncode}\n{result.stdout}"
    return result.stdout.strip()


def state(unit="chatd.service"):
    return run("systemctl", "is-active", unit, check=False)


def main_pid():
    return int(run("systemctl", "show", "--value", "--property", "MainPID", "chatd.service"))


def health():
    connection = Raw(SERVER)
    try:
        return connection.request("GET", "/healthz").status
    finally:
        connection.close()


def nothing_runs_unasked():
    for unit in ("chatd.service", "chatd.socket"):
        assert (enabled := run("systemctl", "is-enabled", unit, check=False)) == "disabled", enabled
        assert (active := state(unit)) == "inactive", active
    run("systemd-analyze", "verify", "chatd.service", "chatd.socket")


def a_first_client_starts_it():
    run("systemctl", "enable", "--now", "chatd.socket")
    assert state("chatd.socket") == "active" and state() == "inactive"
    assert health() == 200
    assert state() == "active"


def open_files(process):
    """(soft, hard) limit."""
    line = next(line for line in (process / "limits").read_text().splitlines() if line.startswith("Max open files"))
    return tuple(int(word) for word in line.split()[3:5])


def it_is_confined():
    process = pathlib.Path(f"/proc/{main_pid()}")
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    assert status["Uid"].split()[1] == str(pwd.getpwnam("chatd").pw_uid)
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and int(status["CapBnd"], 16) == 0, status
    # As many descriptors as the unit says, where the machine allows it.
    allowed = open_files(pathlib.Path("/proc/1"))[1]
    assert open_files(process)[0] == min(65536, allowed), (open_files(process), allowed)


def clients_wait_while_it_restarts():
    """Requests go on all the time: none is refused. Who is connected is told 1001."""
    old = main_pid()
    talker = Raw(SERVER)
    assert talker.upgrade().status == 101
    talker.settle()
    done, statuses, problems = threading.Event(), [], []

    def keep_asking():
        while not done.is_set():
            try:
                statuses.append(health())
            except (OSError, Closed) as problem:
                problems.append(repr(problem))

    asker = threading.Thread(target=keep_asking)
    asker.start()
    wait_until(lambda: len(statuses) > 3, "requests before the restart")
    run("systemctl", "restart", "chatd.service")
    before = len(statuses)
    wait_until(lambda: len(statuses) > before + 3, "requests after the restart")
    done.set()
    asker.join()
    assert talker.read_close() == 1001
    assert main_pid() != old
    # One that was accepted just before the end may be answered 503 or lose its connection; it was not refused one.
    assert not [problem for problem in problems if "Refused" in problem], problems
    assert len(problems) <= 1 and statuses.count(200) > 6, (problems, statuses)


def make_certificate(name):
    folder = pathlib.Path("/etc/chatd/tls")
    folder.mkdir(exist_ok=True)
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-days", "2",
        "-keyout", str(folder / "key.pem"), "-out", str(folder / "chain.pem"))  # fmt: skip
    run("chgrp", "-R", "chatd", str(folder))
    run("chmod", "-R", "u=rwX,g=rX,o=", str(folder))
    return ssl.PEM_cert_to_DER_cert((folder / "chain.pem").read_text())


def served_certificate():
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((SERVER.host, SERVER.port)))


def a_reload_reads_the_certificate():
    first = make_certificate("first")
    original = CONFIG.read_text()
    CONFIG.write_text(original + "\ntls-cert = \"/etc/chatd/tls/chain.pem\"\ntls-key = \"/etc/chatd/tls/key.pem\"\n")
    run("systemctl", "restart", "chatd.service")
    assert served_certificate() == first
    second = make_certificate("second")
    pid = main_pid()
    run("systemctl", "reload", "chatd.service")
    wait_until(lambda: served_certificate() == second, "the second certificate")
    assert main_pid() == pid
    CONFIG.write_text(original)
    for file in pathlib.Path("/etc/chatd/tls").iterdir():
        file.unlink()
    pathlib.Path("/etc/chatd/tls").rmdir()
    run("systemctl", "restart", "chatd.service")


def the_journal_has_levels_and_no_second_time():
    run("systemctl", "restart", "chatd.service")
    lines = [json.loads(line) for line in run("journalctl", "--unit", "chatd.service", "--output", "json").splitlines()]
    said = {line["MESSAGE"]: line["PRIORITY"] for line in lines if line.get("_COMM") == "chatd"}
    # The socket of chatd.socket is that of every address.
    assert said.get("listening on http://localhost:3000/") == "6", said
    assert said.get("stopping") == "6", said


def a_hanging_service_is_started_again():
    """The watchdog of systemd notices, because chatd is silent."""
    override = pathlib.Path("/etc/systemd/system/chatd.service.d/watchdog.conf")
    override.parent.mkdir()
    override.write_text("[Service]\nWatchdogSec=2\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "chatd.service")
    pid = main_pid()
    beats = run("systemctl", "show", "--value", "--property", "WatchdogTimestampMonotonic", "chatd.service")
    wait_until(
        lambda: run("systemctl", "show", "--value", "--property", "WatchdogTimestampMonotonic", "chatd.service") != beats,
        "a sign of life",
    )
    assert main_pid() == pid
    run("kill", "-STOP", str(pid))
    wait_until(lambda: main_pid() not in (0, pid) and state() == "active", "another process")
    assert health() == 200
    override.unlink()
    override.parent.rmdir()
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "chatd.service")


def a_reload_without_a_certificate_changes_nothing():
    pid = main_pid()
    run("systemctl", "reload", "chatd.service")
    wait_until(lambda: "nothing to reload" in run("journalctl", "--unit", "chatd.service"), "a line in the journal")
    assert main_pid() == pid and state() == "active"
    assert health() == 200


def a_broken_configuration_is_told():
    original = CONFIG.read_text()
    CONFIG.write_text(original + "\nno-such-option = 1\n")
    answer = subprocess.run(["systemctl", "restart", "chatd.service"], capture_output=True, text=True)
    assert answer.returncode != 0
    wait_until(lambda: "no-such-option" in run("journalctl", "--unit", "chatd.service"), "a line in the journal")
    CONFIG.write_text(original)
    run("systemctl", "reset-failed", "chatd.service", "chatd.socket")
    run("systemctl", "restart", "chatd.socket", "chatd.service")
    assert health() == 200


def an_upgrade_keeps_the_configuration_and_restarts(package):
    changed = CONFIG.read_text() + "\n# of this machine\n"
    CONFIG.write_text(changed)
    old = main_pid()
    run("dpkg", "-i", package)
    assert CONFIG.read_text() == changed
    assert health() == 200
    assert main_pid() != old
    assert run("systemctl", "is-enabled", "chatd.socket") == "enabled"


def without_the_socket_it_listens_where_its_configuration_says():
    run("systemctl", "stop", "chatd.socket", "chatd.service")
    run("systemctl", "start", "chatd.service")
    # chatd has told systemd that it listens.
    assert health() == 200
    status = run("systemctl", "show", "--value", "--property", "StatusText", "chatd.service")
    assert status == "Listening on http://localhost:3000/", status
    run("systemctl", "stop", "chatd.service")


def main():
    steps = [
        nothing_runs_unasked,
        a_first_client_starts_it,
        it_is_confined,
        clients_wait_while_it_restarts,
        a_reload_reads_the_certificate,
        the_journal_has_levels_and_no_second_time,
        a_hanging_service_is_started_again,
        a_reload_without_a_certificate_changes_nothing,
        a_broken_configuration_is_told,
        lambda: an_upgrade_keeps_the_configuration_and_restarts(sys.argv[1]),
        without_the_socket_it_listens_where_its_configuration_says,
    ]
    for step in steps:
        if step.__name__ != "<lambda>":
            print(f"     {step.__name__.replace('_', ' ')}", flush=True)
        # systemd allows five starts in ten seconds, and counts those of all steps.
        run("systemctl", "reset-failed")
        step()


if __name__ == "__main__":
    main()
