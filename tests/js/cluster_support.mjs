// A real redis-server on a UNIX socket, and servers that share their rooms through it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises'; // On purpose: see startRedis()
import { atEnd, startChatd, temporaryFolder } from './support.mjs';

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

async function answers(socket) {
  const link = net.connect(socket);
  try {
    await once(link, 'connect');
    link.write('PING\r\n');
    const [answer] = await once(link, 'data');
    return `${answer}`.startsWith('+PONG');
  } catch {
    return false;
  } finally {
    link.destroy();
  }
}

export async function startRedis(t, folder = temporaryFolder(t)) {
  const socket = path.join(folder, 'redis.sock');
  const child = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', '', '--logfile',
    path.join(folder, 'log')], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  atEnd(t, async () => {
    child.kill('SIGKILL');
    await ended;
  });
  while (!(await answers(socket))) {
    if (child.exitCode !== null) throw new Error(`redis-server has ended with ${child.exitCode}`);
    await pause(20); // On purpose: nothing announces that it listens.
  }
  return { url: `unix://${socket}`, child, folder };
}

// So many chatd, all with these arguments.
export async function startCluster(t, count, args = []) {
  const redis = await startRedis(t);
  const servers = [];
  for (let i = 0; i < count; i += 1) {
    servers.push(await startChatd(t, ['--cluster', redis.url, '--metrics', '/metrics', ...args]));
  }
  return { redis, servers };
}

export async function metric(chatd, name) {
  const text = await (await fetch(chatd.http('/metrics'))).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.split(' ').at(-1));
}

// Resolves when so many requests that other servers have forwarded are held at the home of their sessions.
export async function heldAt(home, count) {
  while ((await metric(home, 'libchat_cluster_foreign_requests')) !== count);
}

// A load balancer without affinity: each request and each WebSocket goes to the next server. `served` counts the requests
// of each server.
export async function startRoundRobin(t, servers) {
  let turn = 0;
  const links = new Set();
  const balancer = { servers: [...servers], served: new Map(servers.map((server) => [server, 0])) };
  balancer.drop = (server) => { balancer.servers = balancer.servers.filter((one) => one !== server); };
  const next = () => {
    turn += 1;
    const server = balancer.servers[turn % balancer.servers.length];
    balancer.served.set(server, balancer.served.get(server) + 1);
    return server;
  };
  const keep = (link) => {
    links.add(link);
    link.on('close', () => links.delete(link));
    link.on('error', () => link.destroy());
    return link;
  };
  const entry = http.createServer((request, response) => {
    const passed = http.request({
      host: '127.0.0.1',
      port: next().port,
      path: request.url,
      method: request.method,
      headers: request.headers,
      agent: false,
    }, (answer) => {
      const { connection, 'keep-alive': keepAlive, ...headers } = answer.headers;
      response.writeHead(answer.statusCode, headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  });
  entry.on('upgrade', (request, socket, head) => {
    const link = keep(net.connect(next().port, '127.0.0.1'));
    const lines = [`${request.method} ${request.url} HTTP/1.1`];
    const { rawHeaders } = request;
    for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
    link.write(`${lines.join('\r\n')}\r\n\r\n`);
    link.write(head);
    socket.pipe(link).pipe(socket);
    link.on('close', () => socket.destroy());
    socket.on('close', () => link.destroy());
  });
  entry.on('connection', keep);
  entry.listen(0, '127.0.0.1');
  await once(entry, 'listening');
  atEnd(t, async () => {
    entry.close();
    for (const link of links) link.destroy();
  });
  balancer.port = entry.address().port;
  balancer.http = (address = '') => `http://127.0.0.1:${balancer.port}${address}`;
  balancer.url = (address = '/chat') => `ws://127.0.0.1:${balancer.port}${address}`;
  return balancer;
}

// The program dies as by a power failure, which the test expects.
export async function killServer(server) {
  server.expectedCode = null;
  server.kill('SIGKILL');
  await server.exited;
}
