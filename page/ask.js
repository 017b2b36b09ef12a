// The dialog that asks before something that cannot be undone, and for the reason of it.
import { byId } from './dom.js';
import { t } from './strings.js';

const dialog = byId('ask-dialog');
const reason = byId('ask-reason');
let answer = null;

byId('ask-no').addEventListener('click', () => dialog.close());
dialog.querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  answer = reason.value.trim();
  dialog.close();
});

// withReason: it has a field for one. Resolves to the reason, which may be empty, or to null when the user cancels.
export function ask({ title, text, yes, withReason = false }) {
  byId('ask-title').textContent = title;
  byId('ask-text').textContent = text;
  byId('ask-yes').textContent = yes;
  for (const part of [reason, byId('ask-label')]) part.hidden = !withReason;
  reason.value = '';
  answer = null;
  dialog.showModal();
  (withReason ? reason : byId('ask-no')).focus();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      byId('ask-text').textContent = ''; // a deleted message leaves nothing behind
      resolve(answer);
    }, { once: true });
  });
}
