"""The servers and the loads as processes."""

import json
import os
import signal
import subprocess

from .machine import pinned, process_cpu_s, thread_cpu_s

END_LIMIT_S = 20


class Failure(Exception):
    """A server or a load did not do what it should."""

    def __init__(self, name, what):
        super().__init__(f"{name}: {what}")
        self.name = name


class Server:
    """A program that prints `listening on port N`."""

    def __init__(self, name, command, core, niceness=0, environment=None):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **(environment or {})}, preexec_fn=pinned(core, niceness))
        line = self.process.stdout.readline()
        if not line.startswith("listening on port "):
            self.end()
            raise Failure(name, f"{command[0]} did not start")
        self.port = int(line.split()[-1])

    @property
    def pid(self):
        return self.process.pid

    def cpu_s(self):
        return process_cpu_s(self.pid)

    def loop_cpu_s(self):
        """Of libchat's loops, without its threads for the history; 0 for other servers."""
        return thread_cpu_s(self.pid, "chat-loop")

    def command(self, line):
        """Sends a line to the server's input, and returns its answer."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise Failure(self.name, "the server has ended")
        return json.loads(answer)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Load:
    """bench_load, connected to a server."""

    def __init__(self, name, program, port, options, core, niceness=0):
        self.name = name
        arguments = [str(part) for key, value in options.items() for part in (f"--{key.replace('_', '-')}", value)]
        self.process = subprocess.Popen([program, "--port", str(port), *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        preexec_fn=pinned(core, niceness))
        self.opened = None

    def wait_until_open(self):
        self.opened = self.answer()

    def send(self, command, **arguments):
        self.process.stdin.write(" ".join([command, *(f"{key}={value}" for key, value in arguments.items())]) + "\n")
        self.process.stdin.flush()

    def ask(self, command, **arguments):
        try:
            self.send(command, **arguments)
        except BrokenPipeError:
            pass
        return self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure(self.name, self.process.stderr.read().strip() or "the load has ended")
        return json.loads(line)

    def end(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
