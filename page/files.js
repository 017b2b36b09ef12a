// The files that the user wants to send: chosen with the button, dropped on the page, or pasted. It does not know the
// connection.
import { byId } from './dom.js';

// More at once are probably a mistake, and each is a message of its own.
export const maxFiles = 10;

// A browser repeats dragover at least every 350 ms, and does not always tell the end of a drag that left the window.
const quietMs = 1000;

const hasFiles = ({ dataTransfer }) => dataTransfer?.types.includes('Files') ?? false;

// Office programs put a picture of copied text beside the text.
const isText = ({ types }) => types.includes('text/plain') && types.includes('text/html');

// send(files) receives them in order. isReady() is false while there is no room to send to.
export function takeFiles({ send, isReady }) {
  const input = byId('file');
  const target = byId('drop');
  byId('attach').addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    const files = [...input.files];
    // So that the same file can be chosen again.
    input.value = '';
    if (files.length && isReady()) send(files);
  });

  // Without this, a file that is dropped beside the target would replace the page.
  let hiding = null;
  const show = (visible) => {
    target.hidden = !visible;
    clearTimeout(hiding);
    if (visible) hiding = setTimeout(show, quietMs, false);
  };
  addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = isReady() ? 'copy' : 'none';
    show(isReady());
  });
  addEventListener('dragleave', (event) => { if (!event.relatedTarget) show(false); });
  addEventListener('drop', (event) => {
    show(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    const files = [...event.dataTransfer.files];
    if (files.length && isReady()) send(files);
  });

  addEventListener('paste', (event) => {
    const { clipboardData } = event;
    if (!clipboardData?.files.length || isText(clipboardData) || !isReady()) return;
    // A field other than the message's own takes text only.
    if (event.target.closest?.('input, dialog')) return;
    event.preventDefault();
    send([...clipboardData.files]);
  });
}
