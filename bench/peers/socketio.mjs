// A room with Node's socket.io, all transports. Prints `listening on port N`. With an argument, the path of the UNIX socket of a
// Redis, several servers share the room by the Redis adapter.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const options = { serveClient: false };
if (process.argv[2]) {
  const { createAdapter } = await import('@socket.io/redis-adapter');
  const { createClient } = await import('redis');
  const clients = [1, 2].map(() => createClient({ socket: { path: process.argv[2] } }));
  await Promise.all(clients.map((client) => client.connect()));
  options.adapter = createAdapter(...clients);
}
const io = new Server(http, options);
io.on('connection', (socket) => {
  socket.on('chat message', (text) => io.emit('chat message', text));
});
http.listen(0, '127.0.0.1', () => console.log(`listening on port ${http.address().port}`));
process.on('SIGTERM', () => process.exit(0));
