// permessage-deflate (RFC 7692): off unless asked for, mixed with clients without it, and no way to blow up memory.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { constants, deflateRawSync } from 'node:zlib';
import { atEnd, connect, connectV1, isSanitized, startChatd, test } from './support.mjs';

const deflate = { perMessageDeflate: true };
// Without the server's pings nothing but the data itself can keep a stalled decoder going.
const on = ['--permessage-deflate', '--ping-interval-ms', 'off'];
const residentBytes = (pid) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
const peakBytes = (pid) => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

test('off by default: offered and not taken', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connect(t, chatd.url(), [], deflate);
  assert.equal(ann.socket.extensions, '');
  ann.send('plain');
  assert.equal(await ann.take(), 'plain');
});

test('a compressed frame where nothing was negotiated is a protocol error', async (t) => {
  const chatd = await startChatd(t);
  const { socket } = await upgraded(t, chatd);
  socket.write(maskedFrame(0xc1, deflateRawSync('hello')));
  const code = await closeCode(socket);
  assert.ok(code === 1002 || code === 1006, `${code}`);
});

test('on: everyone talks with everyone, compressed or not', async (t) => {
  const chatd = await startChatd(t, on);
  const ann = await connect(t, chatd.url(), [], deflate);
  const bob = await connect(t, chatd.url());
  const carl = await connectV1(t, chatd);
  const noContext = await connect(t, chatd.url(), [], {
    perMessageDeflate: { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 },
  });
  assert.match(ann.socket.extensions, /permessage-deflate/);
  assert.match(noContext.socket.extensions, /permessage-deflate/);
  assert.equal(bob.socket.extensions, '');
  const clients = [ann, bob, noContext];
  const messages = ['short', 'repeat '.repeat(5000), '', '💬'.repeat(100), 'x'.repeat(65_536), Buffer.alloc(40_000, 7)];
  for (const sender of clients) {
    for (const message of messages) sender.send(message);
    for (const client of clients) {
      for (const message of messages) assert.deepEqual(await client.take(), message);
    }
    for (const message of messages) {
      const heard = await carl.takeJson();
      if (typeof message === 'string') assert.equal(heard.text, message);
      else assert.equal(heard.attachments[0], message.toString('base64'));
    }
  }
});

test('the limit is on the message, not on what travels', async (t) => {
  const chatd = await startChatd(t, on);
  const bob = await connect(t, chatd.url());
  const ann = await connect(t, chatd.url(), [], deflate);
  ann.send('x'.repeat(65_537));
  assert.equal((await ann.closed).code, 1009);
  await bob.flushed();
  assert.deepEqual(bob.messages.waiting, []);
});

test('a deflate bomb is 1009, with bounded memory', async (t) => {
  const chatd = await startChatd(t, on);
  const bob = await connect(t, chatd.url());
  const bomb = deflateRawSync(Buffer.alloc(200 * 1024 * 1024, 'x'), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  const warm = await connect(t, chatd.url(), [], deflate);
  warm.send('x'.repeat(60_000));
  await warm.take();
  const before = residentBytes(chatd.child.pid);
  for (const pieces of [1, 16]) {
    const { socket } = await upgraded(t, chatd, 'permessage-deflate; client_no_context_takeover');
    const size = Math.ceil(bomb.length / pieces);
    for (let i = 0; i < pieces; i += 1) {
      const first = i === 0 ? 0x41 : 0;
      const last = i === pieces - 1 ? 0x80 : 0;
      socket.write(maskedFrame(first | last, bomb.subarray(i * size, (i + 1) * size)));
    }
    assert.equal(await closeCode(socket), 1009);
  }
  const grown = peakBytes(chatd.child.pid) - before;
  if (!isSanitized(chatd)) assert.ok(grown < 24 * 1024 * 1024, `grew by ${grown} bytes`);
  bob.send('unaffected');
  assert.equal(await bob.take((text) => text === 'unaffected'), 'unaffected');
});

test('bytes that do not inflate end that connection only', async (t) => {
  const chatd = await startChatd(t, on);
  const bob = await connect(t, chatd.url());
  const { socket } = await upgraded(t, chatd, 'permessage-deflate');
  socket.write(maskedFrame(0xc1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x12, 0x34])));
  const code = await closeCode(socket);
  assert.ok([1002, 1006, 1007].includes(code), `${code}`);
  bob.send('unaffected');
  assert.equal(await bob.take(), 'unaffected');
});

test('invalid UTF-8 is found in what was compressed', async (t) => {
  const chatd = await startChatd(t, on);
  const { socket } = await upgraded(t, chatd, 'permessage-deflate');
  const bad = deflateRawSync(Buffer.from([0x61, 0xc3, 0x28]), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  socket.write(maskedFrame(0xc1, bad));
  assert.equal(await closeCode(socket), 1007);
});

async function upgraded(t, chatd, extensions) {
  const request = http.get(chatd.http('/chat'), {
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
      ...(extensions ? { 'Sec-WebSocket-Extensions': extensions } : {}),
    },
  });
  const [response, socket] = await once(request, 'upgrade');
  atEnd(t, () => socket.destroy());
  socket.on('error', () => {});
  if (extensions) assert.match(response.headers['sec-websocket-extensions'], /permessage-deflate/);
  return { response, socket };
}

function maskedFrame(firstByte, payload) {
  const mask = Buffer.from([1, 2, 3, 4]);
  let head;
  if (payload.length < 126) {
    head = Buffer.from([firstByte, 0x80 | payload.length]);
  } else if (payload.length < 65_536) {
    head = Buffer.from([firstByte, 0x80 | 126, payload.length >> 8, payload.length & 0xff]);
  } else {
    head = Buffer.alloc(10);
    head[0] = firstByte;
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i % 4])]);
}

// The code of the server's close frame, past whatever came before it; 1006 when the connection ends without one.
async function closeCode(socket) {
  let data = Buffer.alloc(0);
  return new Promise((resolve) => {
    socket.on('close', () => resolve(1006));
    socket.on('data', (bytes) => {
      data = Buffer.concat([data, bytes]);
      for (let at = 0; at + 2 <= data.length;) {
        let length = data[at + 1] & 0x7f;
        let start = at + 2;
        if (length === 126) [length, start] = [data.readUInt16BE(at + 2), at + 4];
        if (data.length < start + length) break;
        if ((data[at] & 0x0f) === 8) resolve(length >= 2 ? data.readUInt16BE(start) : 1005);
        at = start + length;
      }
    });
  });
}
