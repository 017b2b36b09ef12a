// What the tests of tests/clients share: the clients' programs and whether they can run here, a relay whose links a test
// can cut, and transcripts. scripts/clients builds the programs and runs the tests.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, connect } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { atEnd, sourceDir } from '../js/support.mjs';

// Packages of npm are those of tests/js.
export const require = createRequire(path.join(sourceDir, 'tests/js/package.json'));

// Where scripts/clients puts what it builds.
export const builtDir = process.env.CHAT_CLIENTS_DIR ?? path.join(sourceDir, 'build/clients');

const built = (...names) => path.join(builtDir, ...names);
const source = (...names) => path.join(sourceDir, 'tests/clients', ...names);

// The command of a program of each language.
const commands = {
  python: (name) => [built('python/bin/python'), source('python', `${name}.py`)],
  java: (name) => ['java', '-XX:TieredStopAtLevel=1', '-cp', [built('java'), built('java/*')].join(path.delimiter), name],
  go: (name) => [built('go', name)],
  rust: (name) => [built('rust/debug', name)],
};

// Why the programs of a language cannot run here, or false. scripts/clients writes it.
export function missing(language) {
  const file = built(`${language}.missing`);
  return existsSync(file) ? readFileSync(file, 'utf8') || false : 'scripts/clients has not built it';
}

// A link that can be cut: clients connect to the relay, and it connects to whatever server is its target.
export async function startRelay(t, port) {
  const pairs = new Set();
  const relay = { target: port, heads: [], deflated: false };
  const server = createServer((client) => {
    const upstream = connect(relay.target, '127.0.0.1');
    const pair = { sockets: [client, upstream], target: relay.target };
    pairs.add(pair);
    client.on('data', (bytes) => {
      const head = bytes.toString('latin1').match(/^(GET|POST) [^\r]*/);
      if (head) relay.heads.push(/\r\nupgrade: *websocket/i.test(bytes.toString('latin1')) ? 'websocket' : 'polling');
    });
    upstream.once('data', (bytes) => {
      if (/\r\nsec-websocket-extensions: *permessage-deflate/i.test(bytes.toString('latin1'))) relay.deflated = true;
    });
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  relay.port = server.address().port;
  // All links, or those to one server.
  relay.cut = (target) => {
    for (const pair of pairs) {
      if (target === undefined || pair.target === target) for (const socket of pair.sockets) socket.destroy();
    }
  };
  atEnd(t, async () => {
    relay.cut();
    await new Promise((resolve) => { server.close(resolve); });
  });
  return relay;
}

// Runs a client's program to its end and returns its transcript, without the lines that `orders` answers: functions by the
// name of a line, which are called when it comes.
export async function run(t, { language, program }, args, orders = {}) {
  const [command, ...first] = commands[language](program);
  const child = spawn(command, [...first, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => { child.on('close', (code, signal) => resolve(code ?? signal)); });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => { errors = (errors + text).slice(-20_000); });
  atEnd(t, async () => {
    if (child.exitCode === null) child.kill('SIGKILL');
    await ended;
  });
  const transcript = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const words = JSON.parse(line);
    transcript.push(words);
    await orders[words[0]]?.();
  }
  const status = await ended;
  return { transcript, status, errors };
}
