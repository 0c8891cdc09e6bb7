// Speed of the pages in Chromium on this machine, beside what the issue asks for: `make bench-pages`.
//   first useful view   from the address to what one came for on the screen; a browser without a cache, on localhost
//   live book           while orders come and go in the period that is open: how long a key stroke waits for its picture, how long
//                       the page is busy at a stretch, how long an order takes from its acceptance to the screen
// Needs what test_pages.mjs needs. SECONDS of load and RATE of updates a second may be set in the environment.
import https from 'node:https';
import { readFileSync } from 'node:fs';
import { launch, Visitor } from './browser.mjs';
import { Server, tomorrow } from './server.mjs';

const { FG_PROGRAMS: programs, FG_PAGES: pages, FG_FOLDER: folder } = process.env;
const seconds = Number(process.env.SECONDS ?? 10),
  rate = Number(process.env.RATE ?? 200),
  REPEATS = 7;
const sorted = (list) => [...list].sort((a, b) => a - b);
const quantile = (list, q) => sorted(list)[Math.min(list.length - 1, Math.floor(q * list.length))] ?? NaN;
function line(what, values, bar = '') {
  const figures = [quantile(values, 0.5), quantile(values, 0.95), Math.max(...values)].map((ms) =>
    String(Math.round(ms)).padStart(6),
  );
  console.log(`${what.padEnd(46)} ${figures.join(' ')}   ${bar}`);
}

const server = new Server({ programs, pages, folder });
server.load();
await server.start();
const { url } = server,
  browser = await launch();

// ---- first useful view ----
const VIEWS = [
  ['log-in', '', '.alone form input', null],
  ['start page', '', '.tile', 'trader@dso.example'],
  ['live book', 'market', '[role=grid] tbody tr', 'trader@dso.example'],
  ['map and diagram', 'grid', '.map + *, .map', 'trader@dso.example'],
  ['orders', 'orders', 'main tbody tr', 'trader@flexpool.example'],
];

async function sessionOf(email) {
  const visitor = await Visitor.open(browser, url);
  await visitor.logIn(email);
  await visitor.settled();
  const kept = await visitor.context.storageState();
  await visitor.context.close();
  return kept;
}

async function firstView(path, selector, storageState) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: 1280, height: 800 },
    storageState: storageState ?? undefined,
  });
  const page = await context.newPage();
  await page.addInitScript((wanted) => {
    new MutationObserver(() => {
      if (window.shownAt || !document.querySelector(wanted)) return;
      window.shownAt = -1;
      requestAnimationFrame(() => setTimeout(() => (window.shownAt = performance.now()))); // after the picture
    }).observe(document, { childList: true, subtree: true });
  }, selector);
  await page.goto(`${url}/#/${path}`);
  const ms = await (await page.waitForFunction(() => window.shownAt > 0 && window.shownAt)).jsonValue();
  await context.close();
  return ms;
}

console.log(`\n${'milliseconds'.padEnd(46)} median    95%  worst   asked for`);
const sessions = new Map([[null, null]]);
for (const [name, path, selector, email] of VIEWS) {
  if (!sessions.has(email)) sessions.set(email, await sessionOf(email));
  const times = [];
  for (let i = 0; i < REPEATS; i++) times.push(await firstView(path, selector, sessions.get(email)));
  line(`first useful view: ${name}`, times, '1000');
}

// ---- live book ----
const agent = new https.Agent({ keepAlive: true, maxSockets: 4, ca: readFileSync(`${server.data}/tls/certificate.pem`) });
function send(method, path, token, body) {
  const text = body ? JSON.stringify(body) : '';
  return new Promise((done, failed) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Length': Buffer.byteLength(text) };
    if (text) headers['Content-Type'] = 'application/json';
    const request = https.request(`${url}${path}`, { method, agent, headers }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => {
        const got = Buffer.concat(parts).toString();
        if (answer.statusCode >= 300) failed(new Error(`${method} ${path}: ${answer.statusCode} ${got}`));
        else done(got ? JSON.parse(got) : null);
      });
    });
    request.on('error', failed);
    request.end(text);
  });
}

const visitor = await Visitor.open(browser, url, { name: 'distribution system operator', height: 800 }),
  { page } = visitor;
await visitor.logIn('trader@dso.example');
await visitor.go(`market?day=${tomorrow()}`, 'Live book');
await page.getByRole('rowheader', { name: /^18:00/ }).click(); // a period with orders of its own
await page.getByRole('heading', { level: 2, name: /^18:00/ }).waitFor();
await visitor.settled();
const start = await page.evaluate(() => new URLSearchParams(location.hash.split('?')[1]).get('period'));

// Offers that come, are changed, and go.
const traders = [];
for (const email of ['trader@flexpool.example', 'trader@store.example']) {
  const token = await server.logIn(email),
    { items } = await server.call('GET', '/v1/portfolios', { token });
  traders.push({ token, portfolio: items.find((p) => /Feeder 1/.test(p.name)).id });
}
const offer = ({ portfolio }, price) => ({
  side: 'sell',
  product: 'active',
  regulation: 'up',
  portfolio,
  start,
  quantity: ['0.001'],
  price,
});
let updates = 0,
  isOver = false;
const begun = Date.now();
const paced = async () => {
  updates++;
  const ahead = (updates / rate) * 1000 - (Date.now() - begun);
  if (ahead > 1) await new Promise((done) => setTimeout(done, ahead));
};
async function load(trader, n) {
  for (let i = 0; !isOver; i++) {
    const { order } = await send('POST', '/v1/areas/area-1/orders', trader.token, offer(trader, `${145 + n}.${10 + (i % 80)}`));
    await paced();
    await send('PATCH', `/v1/areas/area-1/orders/${order}`, trader.token, { price: `${145 + n}.${10 + ((i + 7) % 80)}` });
    await paced();
    await send('DELETE', `/v1/areas/area-1/orders/${order}`, trader.token);
    await paced();
  }
}

await page.evaluate(() => {
  window.speed = { keys: [], busy: [], frames: 0 };
  addEventListener(
    'keydown',
    (e) => requestAnimationFrame(() => setTimeout(() => window.speed.keys.push(performance.now() - e.timeStamp))),
    true,
  );
  new PerformanceObserver((list) => window.speed.busy.push(...list.getEntries().map((e) => e.duration))).observe({
    type: 'longtask',
  });
  const frame = () => {
    window.speed.frames++;
    requestAnimationFrame(frame);
  };
  frame();
});
const loads = [0, 1, 2, 3].map((n) => load(traders[n % traders.length], n));
const shown = [],
  reference = page.getByLabel(/^Reference/);
for (let i = 0; Date.now() - begun < seconds * 1000; i++) {
  await reference.pressSequentially('abcde', { delay: 40 });
  await reference.fill('');
  const price = `150.${10 + i}`,
    { order } = await send('POST', '/v1/areas/area-1/orders', traders[0].token, offer(traders[0], price)),
    since = Date.now();
  await page.getByRole('button', { name: price, exact: true }).waitFor();
  shown.push(Date.now() - since);
  await send('DELETE', `/v1/areas/area-1/orders/${order}`, traders[0].token);
}
isOver = true;
const took = (Date.now() - begun) / 1000;
await Promise.all(loads);
const { keys, busy, frames } = await page.evaluate(() => window.speed);
const perSecond = (count) => (count / took).toFixed(0);
console.log(
  `\nlive book, ${perSecond(updates)} updates a second (${rate} asked for), ${perSecond(frames)} frames a second, ${took.toFixed(0)} s`,
);
line('a key stroke until its picture', keys, '100');
line('busy at a stretch (longer than 50 ms)', busy.length ? busy : [0], '');
line('an accepted order until it is seen', shown, '');
visitor.check();

await browser.close();
await server.stop();
process.exit();
