// One set-up at a time in a clone: `npm test` and `npm run demo` may be started together. The lock is a file that names
// its holder; one left behind by a dead process is taken over.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { StepError } from './report.mjs';

const pollMs = 200;
// Holders on this machine are looked up by process; of those on another (shared file system) only the beat is seen.
const beatMs = 5_000;
const silentMsMax = 60_000;
// The longest honest set-up compiles nats-server on a slow machine.
const waitMsMax = 20 * 60_000;

/** The start time from /proc tells a reused process id from the holder's; undefined when there is no such process. */
function processStart(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function readHolder(path) {
  try {
    return { text: readFileSync(path, 'utf8'), silentMs: Date.now() - statSync(path).mtimeMs };
  } catch {
    return undefined;
  }
}

function isStale({ text, silentMs }) {
  const [host, pid, start] = text.trim().split(' ');
  if (host === hostname()) return processStart(pid) === undefined || processStart(pid) !== start;
  return silentMs > silentMsMax;
}

// Two waiters may both judge the same lock stale; the slower one could then remove the faster one's new lock. So the
// file is renamed away, looked at once more, and put back if it is not the one that was judged.
function removeStale(path, text) {
  const aside = `${path}.stale-${process.pid}`;
  try {
    renameSync(path, aside);
    if (readFileSync(aside, 'utf8') !== text) linkSync(aside, path);
  } catch {
    // Somebody else removed it first, or the next holder is in already: the caller looks again in any case.
  }
  rmSync(aside, { force: true });
}

function tryCreate(path, mine) {
  // Written aside and linked, so that nobody ever reads a half-written holder.
  const aside = `${path}.new-${process.pid}`;
  writeFileSync(aside, mine);
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Waits for the clone's set-up lock; `release()` gives it back (also at exit). Throws after 20 minutes. */
export async function acquireLock(root, say) {
  const folder = join(root, '.cache');
  const path = join(folder, 'setup.lock');
  mkdirSync(folder, { recursive: true });
  const mine = `${hostname()} ${process.pid} ${processStart(process.pid)}`;
  const giveUpAt = Date.now() + waitMsMax;
  let told = false;
  while (!tryCreate(path, mine)) {
    const holder = readHolder(path);
    if (holder && isStale(holder)) removeStale(path, holder.text);
    else if (Date.now() > giveUpAt) {
      throw new StepError(`another set-up holds ${path} (${holder?.text})`, 'end that process, or remove the file');
    } else {
      if (!told) say(`waiting for another set-up (${holder?.text ?? 'just ending'})`);
      told = true;
      await new Promise((go) => setTimeout(go, pollMs));
    }
  }
  const beat = setInterval(() => utimesSync(path, new Date(), new Date()), beatMs);
  beat.unref();
  const release = () => {
    clearInterval(beat);
    if (readHolder(path)?.text === mine) rmSync(path, { force: true });
  };
  process.once('exit', release);
  return { release };
}
