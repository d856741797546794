/** Subjects of the events that the platform itself publishes for a trigger: by the clock, for a file, for a POST. */

/** First token of all of them. */
const prefix = 'pilotfish';

/** pilotfish.cron.<function>.<trigger> */
export function cronSubject(functionName: string, trigger: string): string {
  return `${prefix}.cron.${functionName}.${trigger}`;
}

/** pilotfish.file.<function>.<trigger>.<stem>; the stem of the file's name is the trigger's one wildcard. */
export function fileSubject(functionName: string, trigger: string, stem: string): string {
  return `${prefix}.file.${functionName}.${trigger}.${stem}`;
}

/** True for what nobody else may publish: a function takes such an event for what the platform saw. */
export function isPlatformSubject(subject: string): boolean {
  return subject === prefix || subject.startsWith(`${prefix}.`);
}

/** All of them, for the broker's own list of who may publish what. */
export const platformSubjects = `${prefix}.>`;

/** True for the events of such triggers. */
export function isFileSubject(subject: string): boolean {
  return subject.startsWith(`${prefix}.file.`);
}

/** pilotfish.http.<function>.<trigger>, and a token for each "*" of its path. */
export function httpSubject(functionName: string, trigger: string, segments: readonly string[]): string {
  return [prefix, 'http', functionName, trigger, ...segments].join('.');
}
