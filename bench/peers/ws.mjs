// A room with Node's ws. Prints `listening on port N`.
import { WebSocket, WebSocketServer } from 'ws';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('connection', (socket) => {
  socket.on('message', (data, binary) => {
    for (const member of server.clients) {
      if (member.readyState === WebSocket.OPEN) member.send(data, { binary });
    }
  });
  socket.on('error', () => socket.terminate());
});
server.on('listening', () => console.log(`listening on port ${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
