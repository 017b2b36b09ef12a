// The README's promise: two wscat talk.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { atEnd, connect, Queue, startChatd, startTestd, test } from './support.mjs';

const wscatProgram = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_modules/wscat/bin/wscat');

function startWscat(t, url, ...args) {
  const child = spawn(process.execPath, [wscatProgram, '--no-color', '-c', url, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const lines = new Queue();
  let rest = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop();
    // Without a terminal there may be a prompt before what it says.
    for (const part of parts) lines.push(part.replace(/^(> )+/, ''));
  });
  child.stderr.setEncoding('utf8').on('data', (text) => { errors += text; });
  const exited = once(child, 'close');
  exited.then(() => lines.end(() => new Error(`wscat has ended: ${errors}`)));
  atEnd(t, async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return { child, lines, exited };
}

test('two wscat talk', async (t) => {
  const testd = await startTestd(t);
  const ann = startWscat(t, testd.url());
  const bob = startWscat(t, testd.url());
  await testd.event('join');
  await testd.event('join');
  // What wscat is given before it has the server's answer to its handshake is lost. So both have to hear something first.
  const host = await connect(t, testd.url());
  host.send('welcome');
  await ann.lines.take((line) => line === 'welcome');
  await bob.lines.take((line) => line === 'welcome');
  host.close();
  await testd.event('disconnect');
  ann.child.stdin.write('hello from Ann\n');
  await ann.lines.take((line) => line === 'hello from Ann');
  await bob.lines.take((line) => line === 'hello from Ann');
  bob.child.stdin.write('and from Bob\n');
  await ann.lines.take((line) => line === 'and from Bob');
  await bob.lines.take((line) => line === 'and from Bob');
  ann.child.stdin.end();
  const gone = await testd.event('disconnect');
  assert.ok([1000, 1005, 1006].includes(gone.close_code), `${gone.close_code}`);
});

test('wscat with a subprotocol', async (t) => {
  const chatd = await startChatd(t);
  const ann = startWscat(t, chatd.url(), '-s', 'chat.v1');
  assert.equal(JSON.parse(await ann.lines.take((line) => line.startsWith('{'))).type, 'welcome');
});
