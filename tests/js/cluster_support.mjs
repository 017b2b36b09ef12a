// A real redis-server on a UNIX socket, and servers that share their rooms through it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
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
  for (let i = 0; i < count; i += 1) servers.push(await startChatd(t, ['--cluster', redis.url, ...args]));
  return { redis, servers };
}
