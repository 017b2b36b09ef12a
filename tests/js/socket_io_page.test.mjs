// examples/socket-io-page: its index.html and chat.js in two tabs, and the official client in Node, against each of its servers
// and against chatd. server.py needs pychat, so tests/bindings/python starts this file for it, with CHAT_PYTHON set.
import assert from 'node:assert/strict';
import path from 'node:path';
import { io } from 'socket.io-client';
import { skip, startBrowser } from './browser_support.mjs';
import { atEnd, buildDir, Program, Queue, sourceDir, startChatd, test } from './support.mjs';

const folder = path.join(sourceDir, 'examples/socket-io-page');

async function startServer(t, name, args) {
  const program = Program.start(t, name, args);
  const line = await program.stdout.take((text) => /^listening on port \d+$/.test(text));
  program.http = (address) => `http://127.0.0.1:${line.split(' ').at(-1)}${address}`;
  return program;
}

const servers = process.env.CHAT_PYTHON ? {
  'server.py': (t) => startServer(t, path.relative(path.join(buildDir, 'bin'), process.env.CHAT_PYTHON),
    [path.join(folder, 'server.py'), '0']),
} : {
  'server.c': (t) => startServer(t, 'socket_io_page_c', ['0', folder]),
  'server.cpp': (t) => startServer(t, 'socket_io_page_cpp', ['0', folder]),
  chatd: (t) => startChatd(t, ['--www', folder]),
};

async function openTab(context, server) {
  const tab = await context.newPage();
  tab.problems = [];
  tab.on('pageerror', (error) => tab.problems.push(error.message));
  tab.on('response', (response) => {
    if (response.status() >= 400 && !response.url().endsWith('/favicon.ico')) tab.problems.push(response.url());
  });
  await tab.goto(server.http('/'));
  await tab.waitForFunction('socket.connected');
  return tab;
}

async function shows(tab, expected) {
  await tab.waitForFunction((count) => document.querySelectorAll('#messages li').length >= count, expected.length);
  assert.deepEqual(await tab.$$eval('#messages li', (items) => items.map((item) => item.textContent)), expected);
}

async function say(tab, text) {
  await tab.fill('#input', text);
  await tab.press('#input', 'Enter');
}

for (const [kind, start] of Object.entries(servers)) {
  // chatd relays events and has none of its own.
  const notice = (text) => (kind === 'chatd' ? [] : [text]);

  test(`${kind}: the page in two tabs`, { skip }, async (t) => {
    const server = await start(t);
    const context = await startBrowser(t);
    const ann = await openTab(context, server);
    const bob = await openTab(context, server);
    const heard = notice('a user connected');
    await shows(ann, heard);

    await bob.fill('#input', 'h');
    await ann.waitForFunction('typing.textContent === "Somebody is typing…"');
    assert.equal(await bob.evaluate('typing.textContent'), '');
    await say(bob, 'hello, 안녕 <b>');
    await say(ann, 'hello yourself');
    const said = ['hello, 안녕 <b>', 'hello yourself'];
    await ann.waitForFunction('document.body.textContent.includes("hello yourself")');
    assert.deepEqual((await ann.$$eval('#messages li', (items) => items.map((item) => item.textContent))).sort(),
      [...heard, ...said].sort());
    await bob.waitForFunction('document.body.textContent.includes("hello yourself")');
    await ann.waitForFunction('typing.textContent === ""');
    assert.deepEqual([ann.problems, bob.problems], [[], []]);

    await bob.close();
    for (const text of notice('a user disconnected')) {
      await ann.waitForFunction((wanted) => document.querySelector('#messages li:last-child').textContent === wanted, text);
    }
    await say(ann, 'alone');
    await ann.waitForFunction('document.querySelector("#messages li:last-child").textContent === "alone"');
    assert.deepEqual(ann.problems, []);
  });

  test(`${kind}: the official client in Node`, async (t) => {
    const server = await start(t);
    const connect = async () => {
      const socket = io(server.http('/'), { reconnection: false, forceNew: true });
      atEnd(t, () => socket.close());
      const events = new Queue();
      socket.onAny((event, text) => events.push([event, text]));
      await new Promise((resolve, reject) => { socket.on('connect', resolve).on('connect_error', reject); });
      return { socket, events };
    };
    const ann = await connect();
    const bob = await connect();
    for (const text of notice('a user connected')) assert.deepEqual(await ann.events.take(), ['user connected', text]);
    ann.socket.emit('typing', ann.socket.id);
    ann.socket.emit('chat message', 'hello');
    assert.deepEqual(await bob.events.take(), ['typing', ann.socket.id]);
    assert.deepEqual(await bob.events.take(), ['chat message', 'hello']);
    if (kind === 'chatd') assert.deepEqual(await ann.events.take(), ['typing', ann.socket.id]);
    assert.deepEqual(await ann.events.take(), ['chat message', 'hello']);
    if (kind !== 'chatd') {
      bob.socket.emit('unknown', 1);
      bob.socket.emit('chat message', 'bye');
      assert.deepEqual(await ann.events.take(), ['chat message', 'bye']);
    }
    bob.socket.close();
    for (const text of notice('a user disconnected')) assert.deepEqual(await ann.events.take(), ['user disconnected', text]);
  });

  test(`${kind}: its files and the client's`, async (t) => {
    const server = await start(t);
    assert.match(await (await fetch(server.http('/chat.js'))).text(), /^\/\/ The page's side of the chat/);
    assert.match(await (await fetch(server.http('/'))).text(), /<script src="chat.js">/);
    for (const name of ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js', 'socket.io.msgpack.min.js']) {
      const answer = await fetch(server.http(`/socket.io/${name}`));
      assert.equal(answer.headers.get('content-type'), 'application/javascript; charset=utf-8');
      assert.match(await answer.text(), /^\/\*!\n \* Socket\.IO v4\./);
      const map = await fetch(server.http(`/socket.io/${name}.map`));
      assert.equal(map.headers.get('content-type'), 'application/json; charset=utf-8');
      assert.equal((await map.json()).version, 3);
      const same = await fetch(server.http(`/socket.io/${name}`), { headers: { 'If-None-Match': answer.headers.get('etag') } });
      assert.equal(same.status, 304);
    }
  });
}
