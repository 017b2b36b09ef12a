// A room with Node's socket.io, all transports. Prints `listening on port N`.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, { serveClient: false });
io.on('connection', (socket) => {
  socket.on('chat message', (text) => io.emit('chat message', text));
});
http.listen(0, '127.0.0.1', () => console.log(`listening on port ${http.address().port}`));
process.on('SIGTERM', () => process.exit(0));
