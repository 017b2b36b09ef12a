// wss: the same chat over TLS, and a new certificate without dropping anyone.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { connectSocketIo, modes, testLibchat, versions } from './socket_io_support.mjs';
import { atEnd, connect, Program, startChatd, temporaryFolder, test } from './support.mjs';

function makeCertificate(folder, name) {
  const [key, cert] = ['key', 'pem'].map((end) => path.join(folder, `${name}.${end}`));
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-keyout', key, '-out', cert, '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost',
  ], { stdio: 'ignore' });
  return { key, cert };
}

async function startSecure(t, args = []) {
  const folder = temporaryFolder(t);
  const { key, cert } = makeCertificate(folder, 'first');
  const chatd = await startChatd(t, ['--tls-cert', cert, '--tls-key', key, ...args]);
  chatd.folder = folder;
  chatd.files = { key, cert };
  chatd.url = (address = '/chat') => `wss://127.0.0.1:${chatd.port}${address}`;
  return chatd;
}

async function certificateName(t, port) {
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  atEnd(t, () => socket.destroy());
  await once(socket, 'secureConnect');
  const name = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return name;
}

// With or without a reset.
function ended(socket) {
  socket.on('error', () => {});
  socket.resume();
  return new Promise((resolve) => { socket.on('close', resolve); });
}

test('clients talk over TLS, verified', async (t) => {
  const chatd = await startSecure(t, ['--threads', '2']);
  const ca = readFileSync(chatd.files.cert);
  const ann = await connect(t, chatd.url(), [], { ca });
  const bob = await connect(t, chatd.url(), [], { ca, origin: `https://127.0.0.1:${chatd.port}` });
  for (const size of [5, 1000, 65_536]) {
    ann.send('x'.repeat(size));
    assert.equal((await ann.take()).length, size);
    assert.equal((await bob.take()).length, size);
  }
  await assert.rejects(connect(t, chatd.url()), /self-signed/);
});

test('plain HTTP to a TLS port is closed, and harms nobody', async (t) => {
  const chatd = await startSecure(t);
  const socket = net.connect(chatd.port, '127.0.0.1');
  atEnd(t, () => socket.destroy());
  socket.write('GET /chat HTTP/1.1\r\nHost: x\r\n\r\n');
  await ended(socket);
  const ann = await connect(t, chatd.url(), [], { rejectUnauthorized: false });
  ann.send('fine');
  assert.equal(await ann.take(), 'fine');
});

test('a TLS handshake that never ends is cut off', async (t) => {
  const chatd = await startSecure(t, ['--handshake-timeout-ms', '300']);
  for (const bytes of [Buffer.alloc(0), Buffer.from([0x16, 3, 1, 2, 0])]) {
    const socket = net.connect(chatd.port, '127.0.0.1');
    atEnd(t, () => socket.destroy());
    socket.write(bytes);
    await ended(socket);
  }
});

test('TLS 1.1 and older are refused', async (t) => {
  const chatd = await startSecure(t);
  const socket = tls.connect({
    host: '127.0.0.1', port: chatd.port, rejectUnauthorized: false, minVersion: 'TLSv1', maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  atEnd(t, () => socket.destroy());
  await assert.rejects(once(socket, 'secureConnect'));
});

test('SIGHUP: new connections see the new certificate, open ones go on', async (t) => {
  const chatd = await startSecure(t, ['--threads', '2']);
  const clients = [];
  for (let i = 0; i < 4; i += 1) clients.push(await connect(t, chatd.url(), [], { rejectUnauthorized: false }));
  assert.equal(await certificateName(t, chatd.port), 'first');

  const second = makeCertificate(chatd.folder, 'second');
  writeFileSync(chatd.files.key, readFileSync(second.key));
  writeFileSync(chatd.files.cert, readFileSync(second.cert));
  chatd.kill('SIGHUP');
  await chatd.stderrMatching(/certificate and key reloaded/);
  // Connections are dealt to the loops in turn: all of them have it.
  for (let i = 0; i < 4; i += 1) assert.equal(await certificateName(t, chatd.port), 'second');
  const late = await connect(t, chatd.url(), [], { ca: readFileSync(second.cert) });
  late.send('to all');
  for (const client of [...clients, late]) assert.equal(await client.take(), 'to all');
});

test('SIGHUP with an unusable pair: the old one stays', async (t) => {
  const chatd = await startSecure(t);
  const ann = await connect(t, chatd.url(), [], { rejectUnauthorized: false });
  const other = makeCertificate(chatd.folder, 'other');
  writeFileSync(chatd.files.key, readFileSync(other.key)); // does not belong to the certificate
  chatd.kill('SIGHUP');
  const [line] = await chatd.stderrMatching(/^.* error .*the old certificate stays.*$/m);
  assert.match(line, /first\.(key|pem)/);
  assert.equal(await certificateName(t, chatd.port), 'first');
  const bob = await connect(t, chatd.url(), [], { rejectUnauthorized: false });
  bob.send('still');
  assert.equal(await ann.take(), 'still');
});

test('a start that cannot use its files names them', async (t) => {
  const folder = temporaryFolder(t);
  const first = makeCertificate(folder, 'first');
  const second = makeCertificate(folder, 'second');
  const garbage = path.join(folder, 'garbage.pem');
  writeFileSync(garbage, 'nothing');
  for (const [cert, key, named] of [
    [path.join(folder, 'missing.pem'), first.key, 'missing.pem'],
    [first.cert, path.join(folder, 'missing.key'), 'missing.key'],
    [garbage, first.key, 'garbage.pem'],
    [first.cert, second.key, 'second.key'],
  ]) {
    const chatd = Program.start(t, 'chatd', ['--port', '0', '--address', '127.0.0.1', '--tls-cert', cert, '--tls-key', key]);
    chatd.expectedCode = 1;
    assert.equal((await chatd.exited).code, 1);
    assert.ok(chatd.stderr.includes(named), chatd.stderr);
  }
});

testLibchat('Socket.IO over TLS, verified, in every mode', async (t) => {
  const chatd = await startSecure(t, ['--threads', '2']);
  const ca = readFileSync(chatd.files.cert);
  const server = { http: (address = '') => `https://127.0.0.1:${chatd.port}${address}` };
  const plain = await connect(t, chatd.url(), [], { ca });
  for (const version of Object.keys(versions)) {
    for (const mode of Object.keys(modes)) {
      const ann = await connectSocketIo(t, server, { version, mode, ca });
      await ann.settled();
      ann.emit('chat message', `${version}, ${mode}`);
      assert.deepEqual(await ann.take(), ['chat message', `${version}, ${mode}`]);
      assert.equal(await plain.take(), `${version}, ${mode}`);
      const large = 'x'.repeat(500_000);
      ann.emit('large', large);
      assert.deepEqual(await ann.take(), ['large', large]);
      await plain.take();
      ann.end();
    }
  }
});
