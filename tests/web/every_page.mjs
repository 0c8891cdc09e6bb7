// Every page of every role: it opens without an error, fits its window, and axe-core finds nothing serious.
import { visit } from './browser.mjs';

export const ROLES = {
  'market operator': 'admin@fmo.example',
  'distribution system operator': 'admin@dso.example',
  aggregator: 'admin@flexpool.example',
  'transmission system operator': 'admin@tso.example',
  'balance responsible party': 'admin@north.example',
  regulator: 'reader@regulator.example',
  prosumer: 'admin@bakery.example',
  'energy service provider': 'admin@store.example',
  observer: 'admin@observer.example',
  retailer: 'admin@volt.example',
  'renewable energy service provider': 'admin@helios.example',
};
// The other appearances, each in a role whose pages have much to show.
export const LOOKS = [
  { role: 'distribution system operator', width: 375, height: 800, dark: false },
  { role: 'aggregator', width: 375, height: 800, dark: true },
  { role: 'market operator', width: 2560, height: 1440, dark: true },
  { role: 'regulator', width: 2560, height: 1440, dark: false },
];
const SAMPLE = ['', 'market', 'grid', 'orders', 'assets', 'settlements', 'organisations', 'account'];

// Addresses and titles of the menu.
const menu = (visitor) =>
  visitor.page
    .getByRole('navigation', { name: 'Pages', includeHidden: true }) // in a narrow window it is folded
    .locator('a')
    .evaluateAll((links) =>
      links.map((a) => ({ path: a.getAttribute('href').replace(/^#\//, ''), title: a.textContent.trim() })),
    );

async function look(visitor, { path, title }, seen) {
  await visitor.page.evaluate((to) => {
    location.hash = to;
  }, `#/${path}`);
  await visitor.page.waitForFunction((name) => document.title.startsWith(`${name} ·`), title, { polling: 50 });
  await visitor.page.getByRole('heading', { level: 1 }).waitFor();
  await visitor.settled();
  await visitor.checkWidth();
  await visitor.checkAccess(path, seen);
}

// `seen`: what axe-core has looked at.
export async function everyPage(browser, url, role, seen) {
  let count = 0;
  await visit(browser, url, [{ name: role }], async (visitor) => {
    await visitor.logIn(ROLES[role]);
    const pages = [...(await menu(visitor)), { path: 'account', title: 'Account' }];
    if (pages.length < 6) visitor.note(`the menu has ${pages.length} pages`);
    for (const page of pages) await look(visitor, page, seen);
    count = pages.length;
  });
  return count;
}

// Some pages in another appearance; the log-in page too.
export async function looks(browser, url, { role, ...size }, seen) {
  const name = `${role}, ${size.width} px, ${size.dark ? 'dark' : 'light'}`;
  let count = 0;
  await visit(browser, url, [{ name, ...size }], async (visitor) => {
    await visitor.page.goto(url);
    await visitor.page.getByRole('button', { name: 'Log in', exact: true }).waitFor();
    await visitor.checkWidth();
    await visitor.checkAccess('log-in', seen);
    await visitor.logIn(ROLES[role]);
    const pages = [...(await menu(visitor)), { path: 'account', title: 'Account' }].filter((p) => SAMPLE.includes(p.path));
    for (const page of pages) await look(visitor, page, seen);
    count = pages.length;
  });
  return count;
}

// What is watched for is noticed: each planted fault is noted.
export async function planted(browser, url) {
  await visit(browser, url, [{ name: 'planted faults' }], async (visitor) => {
    const { page } = visitor;
    await page.goto(url);
    await page.getByRole('button', { name: 'Log in', exact: true }).waitFor();
    await page.evaluate(() => {
      const add = (markup) => document.querySelector('main').insertAdjacentHTML('beforeend', markup);
      add('<input type="text">');
      add('<div class="far"></div>');
      document.querySelector('.far').style.width = '5000px';
      add('<p style="color: red">styled in the text</p>');
      console.error('planted');
      setTimeout(() => undefined.planted);
      return fetch('/v1/nothing').then((answer) => answer.text());
    });
    await visitor.checkWidth();
    await visitor.checkAccess('planted', new Set());
    const noted = visitor.problems.splice(0).join('\n');
    for (const fault of [
      'console: planted',
      'content security policy: style-src',
      'error in the page',
      'GET /v1/nothing: 404',
      'main is',
      'label (critical)',
    ])
      if (!noted.includes(fault)) throw new Error(`"${fault}" is not in what was noted:\n${noted}`);
  });
}
