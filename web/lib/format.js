// Numbers and times, the same in every language: 1 234.5, 2026-11-26 14:15, in the time zone of the market.
import { state } from './state.js';

const THIN = '\u202f';

export function number(text) {
  if (text === null || text === undefined || text === '') return '';
  const [whole, part] = String(text).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, THIN).replace('-', '\u2212');
  return part === undefined ? grouped : `${grouped}.${part}`;
}

// A decimal string to `digits` places after the point.
export const rounded = (value, digits) => number(Number(value).toFixed(digits));

const formats = new Map();
function parts(instant, zone) {
  if (!formats.has(zone))
    formats.set(
      zone,
      new Intl.DateTimeFormat('en-CA', {
        timeZone: zone,
        hourCycle: 'h23',
        year: 'numeric',
        month: '2-digit',
        day: '2-digit',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
      }),
    );
  const out = {};
  for (const { type, value } of formats.get(zone).formatToParts(new Date(instant))) out[type] = value;
  return out;
}

export const zone = () => state.area.value?.time_zone ?? 'UTC';
export function day(instant, inZone = zone()) {
  const p = parts(instant, inZone);
  return `${p.year}-${p.month}-${p.day}`;
}
// How far the zone is ahead of UTC at an instant, in milliseconds.
function offset(ms, inZone) {
  const p = parts(ms, inZone);
  return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - Math.floor(ms / 1000) * 1000;
}

// In autumn an hour comes twice: its times are marked A and B, as the exchanges do.
function mark(instant, inZone) {
  const ms = new Date(instant).getTime(),
    here = offset(ms, inZone);
  for (const [step, letter] of [
    [36e5, 'A'],
    [-36e5, 'B'],
  ])
    if (offset(ms + step, inZone) === here - step) return letter;
  return '';
}
const clocks = new Map(); // of many periods drawn again and again
export function clock(instant, inZone = zone()) {
  const key = `${instant} ${inZone}`;
  let text = clocks.get(key);
  if (text === undefined) {
    const p = parts(instant, inZone);
    text = `${p.hour}:${p.minute}${mark(instant, inZone)}`;
    if (clocks.size > 5000) clocks.clear();
    clocks.set(key, text);
  }
  return text;
}
export function moment(instant, inZone = zone()) {
  const p = parts(instant, inZone);
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}${mark(instant, inZone)}`;
}
// As it is written in a form, without loss: seconds where there are some.
export function written(instant, inZone = zone()) {
  return new Date(instant).getTime() % 60000 === 0
    ? `${day(instant, inZone)} ${clock(instant, inZone)}`
    : moment(instant, inZone);
}

export const isDay = (text) =>
  /^\d{4}-\d\d-\d\d$/.test(text ?? '') && new Date(`${text}T00:00Z`).toJSON()?.startsWith(text) === true;

// The instant of a local clock time "2026-11-26 14:15" in the zone; NaN when it is none. In the hour that does not exist in spring
// the clock's jump counts; in the hour that comes twice in autumn the letter, without one the first.
export function instantOf(local, inZone = zone()) {
  const read = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?)([AB]?))?$/.exec(local.trim());
  const wall = read && isDay(read[1]) ? Date.parse(`${read[1]}T${read[2] ?? '00:00'}Z`) : NaN;
  if (Number.isNaN(wall)) return new Date(NaN);
  const candidates = [wall - offset(wall - 864e5, inZone), wall - offset(wall + 864e5, inZone)];
  const right = candidates.filter((ms) => ms + offset(ms, inZone) === wall);
  if (right.length === 0) return new Date(Math.max(...candidates));
  return new Date(read[3] === 'B' ? Math.max(...right) : Math.min(...right));
}

// Begin and end of a local day; 23, 24 or 25 hours apart.
export function dayRange(date, inZone = zone()) {
  const next = new Date(Date.parse(`${date}T12:00:00Z`) + 864e5).toISOString().slice(0, 10);
  return [instantOf(date, inZone), instantOf(next, inZone)];
}
export const shiftDay = (date, by) => new Date(Date.parse(`${date}T12:00:00Z`) + by * 864e5).toISOString().slice(0, 10);
export const iso = (instant) => new Date(instant).toISOString().replace('.000Z', 'Z');

const UNITS = { s: 's', kv: 'kV', mw: 'MW', mva: 'MVA', mvar: 'Mvar', mwh: 'MWh', pu: 'p.u.' };
// "grid_status" -> "Grid status", "time_limit_s" -> "Time limit, s"
const SHORT = new Set('fmo dso tso esp resp brp ioc fok gtc gtt pv chp ev eic iban url'.split(' '));
export const words = (name) => {
  if (SHORT.has(name)) return name.toUpperCase();
  const [, bare, unit] = /^(.+?)(?:_(s|kv|mw|mva|mvar|mwh|pu))?$/.exec(String(name)) ?? [null, String(name)];
  const text = bare.replace(/[_.-]/g, ' ').trim();
  return text.charAt(0).toUpperCase() + text.slice(1) + (unit ? `, ${UNITS[unit]}` : '');
};
