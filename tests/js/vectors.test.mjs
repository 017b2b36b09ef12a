// tests/vectors/chat_v1.json against a running server: what the codec's own tests read, seen from a client.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { connectV1, jsonTextOf, sourceDir, startChatd, test } from './support.mjs';

const vectors = JSON.parse(readFileSync(path.join(sourceDir, 'tests/vectors/chat_v1.json'), 'utf8'));
const notOfTheCodec = new Set(['invalid_json', 'encoding', 'invalid_argument', 'unknown_type', 'invalid_utf8']);

const frameOf = ({ frame, frame_hex: hex }) => (hex === undefined ? frame : Buffer.from(hex, 'hex'));
const isUtf8 = (frame) => typeof frame === 'string' || Buffer.compare(Buffer.from(frame.toString()), frame) === 0;

const connectFor = (t, server, { subprotocol }) => connectV1(t, server, '', subprotocol ? [subprotocol] : []);

// Everything that answers a frame. What takes its turn in a room (joined, left) may come behind the pong of a ping that was
// read together with it, but not behind the next one's.
async function repliesTo(client, vector, mark) {
  client.send(frameOf(vector), { binary: vector.binary === true });
  const replies = [];
  for (const ref of [`mark ${mark}`, `mark ${mark} again`]) {
    client.sendJson({ type: 'ping', ref });
    for (;;) {
      const raw = jsonTextOf(await client.take());
      const reply = JSON.parse(raw);
      if (reply.type === 'pong' && reply.ref === ref) break;
      replies.push({ raw, reply });
    }
  }
  return replies;
}

test('every frame of a client has the answer that its vector says', async (t) => {
  const chatd = await startChatd(t, ['--inbound-rate', 'off']);
  const clients = new Map();
  for (const [index, vector] of vectors.decode.entries()) {
    const { name, error, command, subprotocol } = vector;
    if (!clients.has(subprotocol)) clients.set(subprotocol, await connectFor(t, chatd, vector));
    const client = clients.get(subprotocol);
    if (vector.binary !== true && !isUtf8(frameOf(vector))) {
      // Found before chat.v1 sees it.
      client.send(frameOf(vector), { binary: false });
      assert.equal((await client.closed).code, 1007, name);
      clients.delete(subprotocol);
      continue;
    }
    const replies = await repliesTo(client, vector, index);
    const errors = replies.filter(({ reply }) => reply.type === 'error');
    if (error) {
      assert.equal(errors.length, 1, name);
      const [{ raw, reply }] = errors;
      assert.equal(reply.code, error.code, name);
      assert.ok(reply.reason.includes(error.reason_contains), `${name}: ${reply.reason}`);
      if (error.ref_raw === '') assert.equal('ref' in reply, false, name);
      else assert.ok(raw.includes(`"ref":${error.ref_raw},`), `${name}: ${raw}`);
    } else {
      // This server does not search, which the hub answers with the code of an unknown type.
      const faults = errors.filter(({ reply }) => command.type !== 'search' || reply.reason !== 'this server does not search');
      for (const { reply } of faults) assert.equal(notOfTheCodec.has(reply.code), false, `${name}: ${reply.reason}`);
      const refs = replies.filter(({ reply }) => 'ref' in reply);
      if (command.ref_raw === '') assert.equal(refs.length, 0, name);
      else assert.ok(refs.length === 1 && refs[0].raw.includes(`"ref":${command.ref_raw}`), name);
    }
  }
});

for (const { name, frames, subprotocol } of vectors.sequences) {
  test(`sequence: ${name}`, async (t) => {
    const chatd = await startChatd(t);
    const client = await connectFor(t, chatd, { subprotocol });
    for (const step of frames) {
      client.send(frameOf(step), { binary: step.binary === true });
      if (step.code !== null) {
        const reply = await client.takeType('error');
        assert.equal(reply.code, step.code);
      }
      if (step.close !== 0) assert.equal((await client.closed).code, step.close);
    }
    const closed = frames.some(({ close }) => close !== 0);
    if (!closed) await client.flushed();
  });
}
