/** A trigger in one line, in the manifest's words: what it is, where it begins, what it leaves out; and how it stands. */
import { formatCount, formatDuration } from '#common';
import type { Trigger, TriggerFilter, TriggerStart, TriggerSummary, Window } from '#proto';
import { ageText } from './output.ts';

export function triggerText({
  subject,
  gather,
  window,
  cron,
  files,
  http,
  filter,
  start,
  replaySpeed,
}: Trigger): string {
  if (cron) return `cron ${cron.schedule} ${cron.timezone}`;
  if (files) return `files ${files.directory}/${files.match}`;
  if (http) return `http POST ${http.path}`;
  const taken = gather
    ? `gather ${subject} by ${gather.key}${gather.streaming ? ', streaming' : ''}`
    : window
      ? `window ${subject} ${windowText(window)}`
      : subject;
  return [taken, filterText(filter), startText(start), replaySpeed > 0 ? `replay ${replaySpeed}` : '']
    .filter((part) => part !== '')
    .join(', ');
}

export function triggerStateText({ paused, pausedAtMs }: TriggerSummary, nowMs: number): string {
  return paused ? `paused ${ageText(pausedAtMs, nowMs)}` : 'running';
}

/** The stable shape for JSON and YAML. */
export function triggerRecord({ function: name, trigger, paused, pausedAtMs, lag, url }: TriggerSummary): object {
  return {
    function: name,
    trigger: trigger?.name,
    what: trigger ? triggerText(trigger) : '',
    state: paused ? 'paused' : 'running',
    ...(paused ? { pausedAt: new Date(pausedAtMs).toISOString() } : {}),
    lag: lag < 0 ? null : lag,
    ...(url === '' ? {} : { url }),
  };
}

/** "of 100 events every 50 by {1}", "of 10.0 s every 2.0 s". */
function windowText({ key, count, countSlide, timeMs, timeSlideMs }: Window): string {
  const by = key === '' ? '' : ` by ${key}`;
  if (count > 0) return `of ${formatCount(count, 'event')}${countSlide === count ? '' : ` every ${countSlide}`}${by}`;
  return `of ${formatDuration(timeMs)}${timeSlideMs === timeMs ? '' : ` every ${formatDuration(timeSlideMs)}`}${by}`;
}

function filterText(filter: TriggerFilter | undefined): string {
  const { subjects = [], headers = [] } = filter ?? {};
  const asked = headers.map(({ name, values }) => `${name}=${values.length === 0 ? '*' : values.join('|')}`);
  return subjects.length + asked.length === 0 ? '' : `filter ${[...subjects, ...asked].join(' ')}`;
}

function startText(start: TriggerStart | undefined): string {
  const at = start?.at;
  if (!at) return '';
  if (at.$case === 'new') return 'from new';
  return `from ${at.$case === 'sequence' ? at.sequence : new Date(at.timeMs).toISOString()}`;
}
