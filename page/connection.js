// The connection's state on the page: a dot and a word, and a banner with a retry button while there is no connection.
import { byId } from './dom.js';
import { t } from './strings.js';

export function showConnection(client) {
  const banner = byId('banner');
  const text = byId('banner-text');
  let dueAt = 0;
  let countdown = null;

  const show = (state, word, long) => {
    document.body.dataset.state = state;
    if (byId('state-text').textContent !== word) {
      byId('state-text').textContent = word;
      // Announced once per change, not every second.
      if (state !== 'connecting') byId('announcer').textContent = word;
    }
    banner.hidden = !long;
    text.textContent = long ?? '';
  };

  const waiting = () => {
    if (!navigator.onLine) return show('offline', t('offline'), t('offlineLong'));
    return show('waiting', t('waiting'), t('lostFor', Math.ceil((dueAt - Date.now()) / 1000)));
  };

  client.on('status', (status) => {
    clearInterval(countdown);
    const { state } = status;
    if (state === 'open') show(state, t('open'));
    else if (state === 'closed') show(state, t('closed'), t('refused', status.reason));
    else if (state === 'waiting') {
      dueAt = Date.now() + status.delayMs;
      waiting();
      countdown = setInterval(waiting, 1000);
    } else if (status.attempt === 0) show('connecting', t('connecting'));
    else {
      dueAt = 0;
      waiting();
    }
  });
  byId('retry').addEventListener('click', () => {
    client.reconnect();
    byId('text').focus();
  });
}
