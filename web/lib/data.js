// What a page reads from the API: loaded when its inputs change, read again when events of the market say that it has changed,
// at most every `every` milliseconds, and when the connection comes back.
import { useState, useEffect, useRef, useCallback } from './html.js';
import { listen } from './live.js';

const isSame = (a, b) => a.length === b.length && a.every((item, i) => Object.is(item, b[i]));
const NOTHING = { value: null, problem: null, isLoading: true };

export function useData(load, inputs, { events, every = 400 } = {}) {
  const [result, setResult] = useState({ ...NOTHING, of: inputs });
  const now = useRef(load),
    work = useRef({ stopper: null, isDirty: false, timer: null, last: 0 });
  now.current = load;
  // What is under way is not broken off for an event: under steady events nothing would ever arrive. It is read once more after it.
  const reload = useCallback(async () => {
    const w = work.current;
    clearTimeout(w.timer);
    w.timer = null;
    if (w.stopper) return void (w.isDirty = true);
    const mine = (w.stopper = new AbortController());
    w.isDirty = false;
    w.last = Date.now();
    try {
      const value = await now.current(mine.signal);
      if (!mine.signal.aborted) setResult((before) => ({ ...before, value, problem: null, isLoading: false }));
    } catch (problem) {
      if (!mine.signal.aborted) setResult((before) => ({ ...before, problem, isLoading: false }));
    }
    if (w.stopper !== mine) return; // other inputs since
    w.stopper = null;
    if (w.isDirty) w.timer ??= setTimeout(reload, Math.max(0, w.last + every - Date.now()));
  }, []);
  useEffect(() => {
    const w = work.current;
    setResult((before) => (isSame(before.of, inputs) ? before : { ...NOTHING, of: inputs }));
    reload();
    return () => {
      clearTimeout(w.timer);
      w.timer = null;
      w.stopper?.abort();
      w.stopper = null;
    };
  }, inputs);
  useEffect(
    () =>
      listen((type) => {
        if (type !== 'ready' && type !== 'reset' && !events?.test(type)) return;
        work.current.timer ??= setTimeout(reload, Math.max(0, work.current.last + every - Date.now()));
      }),
    inputs,
  );
  // Nothing that was read for other inputs is shown under these, not for one picture.
  return { ...(isSame(result.of, inputs) ? result : NOTHING), reload };
}
