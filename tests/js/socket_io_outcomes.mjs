// What a server makes of packets that a client sends: everything that comes back until it answers a probe, or ends the session.
import assert from 'node:assert/strict';
import { PollingSession, connectWebSocket, openWebSocket } from './socket_io_support.mjs';

export const probe = '42["probe"]';

// Without what depends on the day.
export const hide = (packet) => (typeof packet === 'string' ? packet.replace(/"(sid|epoch)":"[^"]*"/g, '"$1":""') : packet);

// Between packets: the server has heard what stands before; an answer to it has come.
export const turn = Symbol('turn');
export const answered = Symbol('answered');

// What comes back until the session has answered a probe, or has closed.
export async function overWebSocket(t, server, packets, connect) {
  const client = connect ? await connectWebSocket(t, server) : await openWebSocket(t, server);
  const heard = [];
  for (const packet of packets) {
    if (packet === turn) await client.flushed();
    else if (packet === answered) heard.push(hide(await client.take()));
    else client.send(packet);
  }
  client.send(probe);
  for (;;) {
    const packet = await client.take().catch(() => null);
    if (packet === null) {
      const { code, reason } = await client.closed;
      assert.equal(reason, '');
      return [...heard, `closed ${code}`];
    }
    if (packet === probe) return heard;
    heard.push(hide(packet));
  }
}

export async function overPolling(t, server, packets, connect) {
  const session = await PollingSession.open(server);
  if (connect) await session.connect();
  const heard = [];
  let payload = [];
  for (const packet of [...packets, probe, turn]) {
    if (typeof packet === 'symbol') {
      await session.send(...payload);
      payload = [];
      if (packet === answered) heard.push(hide(await session.take()));
    } else {
      payload.push(typeof packet === 'string' ? packet : `b${packet.toString('base64')}`);
    }
  }
  for (;;) {
    const packet = await session.take();
    if (packet === probe) return heard;
    if (packet === '1') {
      await session.forgotten();
      return [...heard, 'closed'];
    }
    // The reference fills an empty answer with a noop, before a close.
    if (packet !== '6') heard.push(hide(packet));
  }
}
