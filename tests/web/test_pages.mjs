// The pages in Debian's Chromium against the real server on the seeded demonstration. `run` prepares what this needs:
//   FG_PROGRAMS, FG_PAGES, FG_FOLDER (what may be written), FG_NPM, FG_CHROMIUM
// Each part is told with its time; what failed leaves pictures in FG_FOLDER. Names of parts as arguments: only those. What matters most comes
// first: on a machine so busy that ENOUGH is not enough, the last roles are left out, which is told.
import { mkdirSync } from 'node:fs';
import { launch } from './browser.mjs';
import { everyPage, looks, planted, LOOKS, ROLES } from './every_page.mjs';
import { registration, trade, setPoint, dispute, refusals, outage } from './day.mjs';
import { Server, tomorrow } from './server.mjs';

const { FG_PROGRAMS: programs, FG_PAGES: pages, FG_FOLDER: folder } = process.env;
const wanted = process.argv.slice(2);
const AT_ONCE = 3; // visitors wait for the server most of the time
const ENOUGH = Number(process.env.FG_ENOUGH ?? 240); // seconds after which no other tour of pages begins
let failures = 0;

// What only looks may be tried again when a wait has run out, which is told.
async function part(name, run, tries = 1) {
  if (wanted.length && !wanted.some((word) => name.includes(word))) return;
  const begun = Date.now(),
    seconds = () => `${((Date.now() - begun) / 1000).toFixed(1)} s`;
  try {
    const said = await run();
    console.log(`ok      ${name}${said ? `, ${said}` : ''}  (${seconds()})`);
  } catch (error) {
    if (tries > 1 && error.name === 'TimeoutError') {
      console.log(`again   ${name}: ${error.message.split('\n')[0]}`);
      return part(name, run, tries - 1);
    }
    failures++;
    console.log(`FAILED  ${name}  (${seconds()})\n${error.stack}`);
  }
}

async function atOnce(tasks) {
  const left = [...tasks];
  const work = async () => {
    while (left.length) await left.shift()();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

mkdirSync(folder, { recursive: true });
const server = new Server({ programs, pages, folder });
const day = tomorrow(); // as the demonstration, which is loaded now, has it
server.load();
await server.start();
console.log(`the demonstration is served after ${(performance.now() / 1000).toFixed(1)} s`);
const { url } = server,
  browser = await launch();

// The planted faults, 2 s on an idle machine: where they take longer than 30 s a browser gets no processor, and nothing can be said of the pages.
async function isStarved() {
  const begun = performance.now();
  await part('planted faults are noticed', () => planted(browser, url));
  return performance.now() - begun > 30000;
}
if (await isStarved()) {
  console.log('SKIPPED: the machine is too busy for a browser');
  process.exit(77);
}
await atOnce([
  () => part('refusals: wrong password, forbidden page, unknown address', () => refusals(browser, url)),
  () => part('registration and acceptance', () => registration(browser, url)),
  () => part('a request meets an offer; bad quantity, amendment, cancellation', () => trade(browser, url, day)),
  () => part('a set-point is answered', () => setPoint(browser, url)),
  () => part('a dispute is raised and decided', () => dispute(browser, url, server)),
]);
await part('the server stops and comes back', () => outage(browser, url, day, server));

const light = new Set(),
  dark = new Set(); // what axe-core has looked at
const tours = [
  ...Object.keys(ROLES).map((role) => ({
    name: `every page of the ${role}`,
    tour: () => everyPage(browser, url, role, light),
  })),
  ...LOOKS.map((of) => ({
    name: `pages of the ${of.role} at ${of.width} px, ${of.dark ? 'dark' : 'light'}`,
    tour: () => looks(browser, url, of, of.dark ? dark : of.width < 1000 ? new Set() : light),
  })),
];
tours.splice(2, 0, ...tours.splice(-LOOKS.length)); // the other appearances early
await atOnce(
  tours.map(({ name, tour }) => async () => {
    if (performance.now() / 1000 < ENOUGH) await part(name, async () => `${await tour()} pages`, 2);
    else console.log(`left out, the machine is too busy: ${name}`);
  }),
);

const wasStarved = failures > 0 && (await isStarved());
if (wasStarved) console.log('SKIPPED: the machine has become too busy for a browser');
await browser.close();
await server.stop();
if (failures) console.log(`${failures} failed; pictures and server.log are in ${folder}`);
process.exit(failures ? (wasStarved ? 77 : 1) : 0);
