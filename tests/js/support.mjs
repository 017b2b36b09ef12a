// What every test here needs: programs that are started and must end well, and WebSocket clients whose messages can be
// waited for. A test waits for what should happen; only its own time limit ends it when that does not come.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import nodeTest from 'node:test';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';

export const sourceDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const buildDir = process.env.CHAT_BUILD_DIR ?? path.join(sourceDir, 'build/dev');

// How long to wait for what must come. A passing test never uses it up; scripts/test sets it higher on a busy machine.
export const limitMs = 1000 * Number(process.env.CHAT_TEST_LIMIT_S ?? 60);

// A server's own time-out that the clients of a test must keep: longer on a busy machine.
export const scaledMs = (ms) => Math.max(ms, Math.round((ms * limitMs) / 60_000));

export function test(name, options, body) {
  if (typeof options === 'function') [options, body] = [{}, options];
  nodeTest(name, { timeout: limitMs * 5, ...options }, body);
}

const cleanups = new WeakMap();

// What was begun last is ended first: clients before their server, the server before its files.
export function atEnd(t, cleanup) {
  if (!cleanups.has(t)) {
    cleanups.set(t, []);
    t.after(async () => {
      const problems = [];
      for (const last of cleanups.get(t).reverse()) {
        try {
          await last();
        } catch (problem) {
          problems.push(problem);
        }
      }
      if (problems.length > 0) throw problems[0];
    });
  }
  cleanups.get(t).push(cleanup);
}

export function temporaryFolder(t) {
  const folder = mkdtempSync(path.join(tmpdir(), 'libchat-'));
  atEnd(t, () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

// Values that come in order, each taken once, by whoever waits for one that fits.
export class Queue {
  #values = [];
  #waiting = [];
  #ended = null;

  push(value) {
    const index = this.#waiting.findIndex(({ fits }) => fits(value));
    if (index < 0) this.#values.push(value);
    else this.#waiting.splice(index, 1)[0].resolve(value);
  }

  // Nothing will come any more: whoever waits, or will wait, learns why.
  end(error) {
    this.#ended = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error());
  }

  // The first value that fits, and has not been taken.
  take(fits = () => true) {
    const index = this.#values.findIndex(fits);
    if (index >= 0) return Promise.resolve(this.#values.splice(index, 1)[0]);
    if (this.#ended) return Promise.reject(this.#ended());
    return new Promise((resolve, reject) => this.#waiting.push({ fits, resolve, reject }));
  }

  get waiting() {
    return [...this.#values];
  }
}

const sanitizerReport = /(Address|Leak|Thread|Memory)Sanitizer|runtime error:/;

// A program of ours. Its lines can be waited for; at the end of the test it must end with 0, and no sanitizer may object.
export class Program {
  static start(t, name, args = [], { env = {}, stdio = ['pipe', 'pipe', 'pipe'] } = {}) {
    const program = new Program();
    program.name = name;
    program.stdout = new Queue();
    program.stderr = '';
    program.child = spawn(path.join(buildDir, 'bin', name), args, {
      stdio,
      env: {
        ...process.env,
        UBSAN_OPTIONS: 'print_stacktrace=1',
        LSAN_OPTIONS: `suppressions=${sourceDir}/tests/lsan.supp:print_suppressions=0`,
        TSAN_OPTIONS: `suppressions=${sourceDir}/tests/tsan.supp`,
        ...env,
      },
    });
    program.exited = once(program.child, 'close').then(([code, signal]) => ({ code, signal }));
    program.stderrChanged = () => {};
    program.child.stderr.setEncoding('utf8').on('data', (text) => {
      program.stderr += text;
      program.stderrChanged();
    });
    let rest = '';
    program.child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) program.stdout.push(line);
    });
    program.exited.then(({ code, signal }) => {
      program.stdout.end(() => new Error(`${name} has ended (${code ?? signal}):\n${program.stderr}`));
      program.stderrChanged();
    }, () => {});
    atEnd(t, () => program.finish());
    return program;
  }

  // What the test expects of the end: 0, unless it said otherwise by ending it itself.
  expectedCode = 0;

  async finish() {
    // A second signal would end chatd before it has said goodbye.
    const ended = this.child.exitCode !== null || this.child.signalCode !== null;
    if (!ended && !this.toldToEnd) this.endGently();
    const { code, signal } = await this.exited;
    assert.doesNotMatch(this.stderr, sanitizerReport);
    assert.equal(code, this.expectedCode, `${this.name} ended with ${code ?? signal}:\n${this.stderr}`);
  }

  endGently() {
    this.kill('SIGTERM');
  }

  kill(signal) {
    this.toldToEnd ||= signal !== 'SIGHUP';
    this.child.kill(signal);
  }

  // Resolves when standard error holds what fits the expression.
  async stderrMatching(expression) {
    for (;;) {
      const match = this.stderr.match(expression);
      if (match) return match;
      if (this.child.exitCode !== null) throw new Error(`${this.name} has ended:\n${this.stderr}`);
      await new Promise((resolve) => { this.stderrChanged = resolve; });
    }
  }
}

// Sanitizers keep freed memory: how much a program takes says nothing then.
export function isSanitized(program) {
  return /__[at]san_init/.test(readFileSync(`/proc/${program.child.pid}/exe`, 'latin1'));
}

// chatd on a free port of 127.0.0.1.
export async function startChatd(t, args = [], options = {}) {
  const program = Program.start(t, 'chatd', ['--address', '127.0.0.1', '--port', '0', '--print-port', ...args], options);
  program.port = Number(await program.stdout.take());
  program.url = (address = '/chat') => `ws://127.0.0.1:${program.port}${address}`;
  program.http = (address) => `http://127.0.0.1:${program.port}${address}`;
  return program;
}

// An example on a free port; it says which.
export async function startExample(t, name) {
  const program = Program.start(t, name, ['0']);
  const line = await program.stdout.take((text) => /^listening on port \d+$/.test(text));
  program.port = Number(line.split(' ').at(-1));
  program.url = (address = '/chat') => `ws://127.0.0.1:${program.port}${address}`;
  return program;
}

// tests/support/testd: what happens in it comes as events, and it does what it is told.
export async function startTestd(t, args = []) {
  const program = Program.start(t, 'testd', args);
  const events = new Queue();
  const lines = program.stdout;
  program.endGently = () => program.child.stdin.end();
  program.child.stdin.on('error', () => {});
  program.event = (type, fits = () => true) => events.take((event) => event.type === type && fits(event));
  program.seen = () => events.waiting;
  program.command = async (name, server, ...words) => {
    const line = [name, server, ...words].map((word) => word ?? '-').join('\t');
    program.child.stdin.write(`${line}\n`);
    return program.event('result', (event) => event.command === name && event.server === server);
  };
  (async () => {
    for (;;) events.push(JSON.parse(await lines.take()));
  })().catch((error) => events.end(() => error));
  program.servers = [];
  const count = Number(args.find((arg) => arg.startsWith('servers='))?.slice(8) ?? 1);
  for (let number = 0; number < count; number += 1) {
    const { port } = await program.event('listening', (event) => event.server === number);
    program.servers.push({ port, url: (address = '/chat') => `ws://127.0.0.1:${port}${address}` });
  }
  program.url = program.servers[0].url;
  program.http = (address) => `http://127.0.0.1:${program.servers[0].port}${address}`;
  return program;
}

// A WebSocket client. take() gives text frames as strings and binary ones as Buffers; takeJson() parses.
// The JSON text of a frame of chat.v1: all of a text frame, a part of a binary frame.
export const jsonTextOf = (data) => (typeof data === 'string' ? data : data.toString('utf8', 4, 4 + data.readUInt32BE(0)));

export class Client {
  constructor(t, url, protocols = [], options = {}) {
    this.socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    this.messages = new Queue();
    this.pings = new Queue();
    this.pongs = new Queue();
    this.socket.on('message', (data, isBinary) => this.messages.push(isBinary ? data : data.toString()));
    this.socket.on('ping', (data) => this.pings.push(data));
    this.socket.on('pong', (data) => this.pongs.push(data));
    this.socket.on('error', (error) => { this.error = error; });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        const end = () => new Error(`the connection has closed: ${code} ${reason} ${this.error?.message ?? ''}`);
        for (const queue of [this.messages, this.pings, this.pongs]) queue.end(end);
        resolve({ code, reason: reason.toString() });
      });
    });
    atEnd(t, () => this.socket.terminate());
  }

  async opened() {
    await new Promise((resolve, reject) => {
      this.socket.on('open', resolve);
      this.socket.on('unexpected-response', (request, response) => {
        response.resume();
        this.status = response.statusCode;
        this.socket.terminate();
        reject(Object.assign(new Error(`HTTP status ${response.statusCode}`), { status: response.statusCode }));
      });
      this.socket.on('error', reject);
    });
    return this;
  }

  send(data, options = {}) {
    this.socket.send(data, options);
  }

  sendJson(object) {
    this.socket.send(JSON.stringify(object));
  }

  take(fits) {
    return this.messages.take(fits);
  }

  // In order, whatever comes next.
  async takeJson() {
    return JSON.parse(jsonTextOf(await this.messages.take()));
  }

  // The next of a type, undefined: of any; what comes before stays for others to take.
  async takeType(type, fits = () => true) {
    const text = await this.messages.take((data) => {
      const object = JSON.parse(jsonTextOf(data));
      return (type === undefined || object.type === type) && fits(object);
    });
    return JSON.parse(jsonTextOf(text));
  }

  // Resolves to the reply. Without a type it may be an error.
  async request(object, type) {
    this.sendJson(object);
    return this.takeType(type, (reply) => reply.ref === object.ref);
  }

  // Everything that the server has sent before it answered this has arrived when this resolves.
  async flushed() {
    const mark = `mark-${Math.random()}`;
    this.socket.ping(mark);
    await this.pongs.take((data) => data.toString() === mark);
  }

  close(code, reason) {
    this.socket.close(code, reason);
    return this.closed;
  }
}

// Open, whatever the server thinks of it afterwards.
export function connectOnly(t, url, protocols, options) {
  return new Client(t, url, protocols, options).opened();
}

// Open, and in its room: an open plain client may still be on its way there, one whose ping was answered is not.
export async function connect(t, url, protocols, options) {
  const client = await connectOnly(t, url, protocols, options);
  await client.flushed();
  return client;
}

// A chat.v1 client that has read its welcome.
export async function connectV1(t, server, query = '', protocols = []) {
  const client = await connectOnly(t, server.url(`/chat.v1${query}`), protocols);
  client.welcome = await client.takeJson();
  assert.equal(client.welcome.type, 'welcome');
  return client;
}

// The status with which the server refuses a WebSocket.
export async function refusalStatus(t, url, protocols, options) {
  try {
    await connectOnly(t, url, protocols, options);
  } catch (error) {
    if (error.status) return error.status;
    throw error;
  }
  throw new Error(`${url} was accepted`);
}
