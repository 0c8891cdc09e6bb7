// The stream of events of the market area, with resume: after a cut it goes on behind the last event that came, without gap or
// duplicate. Listeners are called with (type, data); `reset` means that what is shown has to be read again. Read with fetch and
// not with EventSource, which hides the status of a refusal and knows only kinds of events that are named to it beforehand.
import { state } from './state.js';

const SILENCE_MS = 40000; // the server sends a heartbeat every 15 s
const listeners = new Set();
let stopper = null,
  area = null;

export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Blocks of lines between empty lines (WHATWG HTML, 9.2.6).
async function* blocks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let timer;
  try {
    for (;;) {
      const silence = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error('silence')), SILENCE_MS);
      });
      const { done, value } = await Promise.race([reader.read(), silence]).finally(() => clearTimeout(timer));
      if (done) return;
      text += value;
      for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) yield text.slice(0, end).split('\n');
    }
  } finally {
    reader.cancel().catch(() => {}); // the connection is not left open
  }
}

function read(lines) {
  const event = { event: 'message', data: '', id: null };
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, '');
  }
  return event;
}

async function run(areaId, signal) {
  let cursor = null,
    wait = 1000;
  while (!signal.aborted) {
    try {
      const answer = await fetch(`/v1/events?areas=${encodeURIComponent(areaId)}`, {
        signal,
        credentials: 'same-origin',
        headers: {
          ...(cursor ? { 'Last-Event-ID': cursor } : {}),
          ...(state.behalf.value ? { 'On-Behalf-Of': state.behalf.value } : {}),
        },
      });
      if (answer.status === 401) state.isExpired.value = true; // after the new log-in it goes on
      if (!answer.ok) throw new Error(String(answer.status));
      for await (const lines of blocks(answer.body)) {
        const { event, data, id } = read(lines);
        if (id) cursor = id;
        if (!data) continue; // a heartbeat
        if (event === 'ready') {
          state.connection.value = 'live';
          wait = 1000;
        }
        for (const listener of [...listeners]) listener(event, JSON.parse(data));
      }
    } catch {
      if (signal.aborted) return;
    }
    state.connection.value = 'lost';
    await new Promise((done) => {
      setTimeout(done, wait);
      signal.addEventListener('abort', done, { once: true });
    });
    wait = Math.min(2 * wait, 30000);
  }
}

export function follow(areaId) {
  if (areaId === area) return;
  unfollow();
  area = areaId;
  if (!area) return;
  stopper = new AbortController();
  run(area, stopper.signal);
}
export function unfollow() {
  stopper?.abort();
  stopper = area = null;
  state.connection.value = 'off';
}
