/**
 * What one would do with a function that has just been deployed, as a line to copy: an event of the kind that it takes, with
 * the sample that lies beside it where there is one. Pure.
 */
import type { FunctionSpec, Trigger } from '#proto';

/** What any function may be sent, where nothing is known of it. */
const anyData = '-d TEXT (or -f FILE)';

/** `sample` is a path as the user would type it. */
export function nextCommand({ name, triggers }: Pick<FunctionSpec, 'name' | 'triggers'>, sample?: string): string {
  const data = sample === undefined ? anyData : `-f ${wordOf(sample)}`;
  const invoke = `pilotfish invoke ${name} ${data}`;
  const [trigger] = triggers;
  if (!trigger) return invoke;
  const { subject, cron, files, http } = trigger;
  if (cron) return `pilotfish invoke ${name}; by itself it runs at "${cron.schedule}" ${cron.timezone}`;
  if (files) return `pilotfish describe ${name}; it is given each ${files.match} that arrives in ${files.directory}`;
  if (http) return `pilotfish describe ${name}, for the address of POST ${http.path}; or ${invoke}`;
  // A call has one payload, and no parts.
  if (trigger.gather) return `pilotfish describe ${name}; what comes on ${subject} is gathered into its events`;
  const publish = `pilotfish pub ${examplePlace(trigger)} ${data}`;
  if (trigger.window) return `${publish}; what comes on ${subject} is given to it in windows`;
  return `${invoke}, or ${publish}`;
}

/** A subject of the trigger, with the headers without which it would let the event pass by. */
function examplePlace({ subject, filter }: Trigger): string {
  const [narrow = subject] = filter?.subjects ?? [];
  const headers = (filter?.headers ?? []).map(({ name, values: [value = '1'] }) => ` -H ${wordOf(`${name}=${value}`)}`);
  return `${narrow.replaceAll('*', '1').replace('>', '1')}${headers.join('')}`;
}

/** As a shell takes it for one word. */
function wordOf(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
