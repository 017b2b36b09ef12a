// A WebSocket client for tests in other languages: what it hears goes to standard output and what comes on standard input
// is sent, one JSON object to a line: {"text": ...} or {"hex": ...}. Ends with its input.
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const socket = new WebSocket(process.argv[2], process.argv.slice(3), { perMessageDeflate: false });
const tell = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

socket.on('open', () => {
  tell({ open: true });
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const { text, hex } = JSON.parse(line);
      socket.send(text ?? Buffer.from(hex, 'hex'));
    })
    .on('close', () => socket.close());
});
socket.on('message', (data, isBinary) => tell(isBinary ? { hex: data.toString('hex') } : { text: data.toString() }));
socket.on('close', (code) => tell({ close: code }));
socket.on('error', (error) => {
  tell({ error: error.message });
  process.exitCode = 1;
});
