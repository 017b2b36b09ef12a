// docs/porting-from-socket.io.md: the lines of its tables stand in three programs (tests/porting, tests/support/porting.c),
// and the official client sees the same of all three.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { SocketIoClient } from './socket_io_support.mjs';
import { atEnd, buildDir, sourceDir, startExample, test } from './support.mjs';

const read = (file) => readFileSync(path.join(sourceDir, file), 'utf8');
const programs = ['tests/porting/porting.mjs', 'tests/support/porting.c', 'tests/porting/porting.py'];

test('each line of the tables stands in its program', () => {
  const squeezed = (text) => text.replace(/\s+/g, ' ');
  const sources = programs.map((file) => squeezed(read(file)));
  let lines = 0;
  for (const row of read('docs/porting-from-socket.io.md').split('\n')) {
    const cells = row.split('|').slice(1, -1);
    if (cells.length !== 3 || !cells[0].includes('`')) continue;
    cells.forEach((cell, column) => {
      for (const [, code] of cell.matchAll(/`([^`]+)`/g)) {
        assert.ok(sources[column].includes(squeezed(code).trim()), `${programs[column]} has no ${code}`);
        lines += 1;
      }
    });
  }
  assert.ok(lines > 70, `${lines} lines`);
});

async function startScript(t, command, args, env = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  const exited = once(child, 'exit');
  atEnd(t, async () => {
    child.kill('SIGTERM');
    await exited;
  });
  for await (const line of readline.createInterface({ input: child.stdout })) {
    const match = line.match(/^listening on port (\d+)$/);
    if (match) return Number(match[1]);
  }
  throw new Error(`${command} does not listen`);
}

const pychat = path.join(buildDir, 'python');
const python = [path.join(sourceDir, 'build/python/bin/python')].find(existsSync) ?? 'python3';
const start = {
  node: (t) => startScript(t, process.execPath, [path.join(sourceDir, programs[0]), '0']),
  c: async (t) => (await startExample(t, 'porting')).port,
  pychat: (t) => startScript(t, python, [path.join(sourceDir, programs[2]), '0'], { PYTHONPATH: pychat }),
};

// What a client asks the program to do, and what comes of it.
class Person extends SocketIoClient {
  static async connect(t, server, options = {}) {
    const person = new Person(t, server, { auth: { token: 'secret' }, ...options });
    await person.opened();
    assert.deepEqual(await person.next(), ['welcome', person.socket.id]);
    return person;
  }

  async run(...event) {
    return (await this.ask(...event))[0];
  }
}

for (const kind of Object.keys(start)) {
  const skip = kind === 'pychat' && !existsSync(pychat) ? 'pychat is not built' : false;
  test(`the program does what the lines say: ${kind}`, { skip }, async (t) => {
    const port = await start[kind](t);
    const server = { http: (address) => `http://127.0.0.1:${port}${address}` };
    const stranger = new SocketIoClient(t, server, { auth: { token: 'wrong' } });
    assert.equal((await stranger.state('connect_error')).message, 'unknown token');

    const ann = await Person.connect(t, server, { query: { greeting: 'hello' }, transports: ['websocket'] });
    const bob = await Person.connect(t, server);
    const cat = await Person.connect(t, server, { transports: ['polling'] });
    const everyone = [ann, bob, cat];
    // Who hears of it, and nobody else: what comes behind it shows that.
    const hears = async (people, ...event) => {
      for (const person of people) assert.deepEqual(await person.next(), event);
      for (const person of everyone) {
        await person.run('emit');
        assert.deepEqual(await person.next(), ['said', 1, 'two']);
      }
    };

    assert.equal(await ann.run('id'), ann.socket.id);
    assert.equal(await ann.run('data'), 'hello');
    assert.equal(await ann.run('count'), 3);
    assert.equal(await ann.run('transport'), 'websocket');
    assert.equal(await cat.run('transport'), 'polling');
    await ann.run('emit-bytes');
    assert.deepEqual(await ann.next(), ['said', Buffer.from([1, 2, 3])]);
    await ann.run('volatile');
    await hears([ann], 'said', 'tick');
    await ann.run('to-all');
    await hears(everyone, 'said', 'hi');
    await ann.run('broadcast');
    await hears([bob, cat], 'said', 'hi');

    await ann.run('join', 'red');
    await bob.run('join', 'red');
    assert.deepEqual(await ann.run('rooms'), ['red']);
    await cat.run('to-room');
    await hears([ann, bob], 'said', 'hi');
    await ann.run('to-room-but-me');
    await hears([bob], 'said', 'hi');
    await bob.run('join', 'green');
    await cat.run('join', 'blue');
    await ann.run('join', 'blue');
    assert.deepEqual((await bob.run('rooms')).sort(), ['green', 'red']);
    assert.deepEqual((await bob.run('all-rooms')).sort(), ['blue', 'green', 'red']);
    await bob.run('to-rooms'); // ann is in two of them, and hears it once
    await hears([ann, cat], 'said', 'hi');
    assert.equal(await ann.run('fetch'), 2);
    await cat.run('sockets-join');
    assert.deepEqual((await bob.run('rooms')).sort(), ['blue', 'green', 'red']);
    await cat.run('sockets-leave');
    assert.deepEqual((await bob.run('rooms')).sort(), ['green', 'red']);
    await ann.run('leave', 'red');
    assert.deepEqual(await ann.run('rooms'), []);

    await ann.run('to-id', cat.socket.id);
    await hears([cat], 'said', 'hi');
    assert.equal(await ann.run('has-id', bob.socket.id), true);
    assert.equal(await ann.run('has-id', 'nobody'), false);

    ann.socket.on('question', (number, answer) => answer(number + 1));
    assert.equal(await ann.run('ask'), 43);
    assert.equal(await ann.run('ask-patiently'), 43);

    const dev = ann.namespace('/dev', { auth: { token: 'secret' } });
    await dev.opened();
    assert.deepEqual(await dev.next(), ['welcome', dev.socket.id]);
    await ann.run('to-namespace');
    assert.deepEqual(await dev.next(), ['said', 'hi']);

    assert.equal(await ann.run('gone'), null);
    const { id } = bob.socket;
    await ann.run('has-id', id);
    bob.emit('disconnect-room', () => {});
    assert.equal((await bob.state('disconnect')).reason, 'io server disconnect');
    let gone;
    do gone = await ann.run('gone'); while (gone === null);
    assert.equal(gone, id);
    assert.equal(await ann.run('has-id', id), false);
    cat.emit('go', () => {});
    assert.equal((await cat.state('disconnect')).reason, 'io server disconnect');
    ann.emit('disconnect-all', () => {});
    assert.equal((await ann.state('disconnect')).reason, 'io server disconnect');
    assert.equal((await dev.state('disconnect')).reason, 'io server disconnect');
  });
}
