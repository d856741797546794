/**
 * `pilotfish/client`: what programs import to use a pilot. `pilot-client.ts` speaks with the gateway, `event-client.ts` with the
 * streams (`publish-window.ts` bounds what is under way, `claim-window.ts` large payloads, `packer.ts` gathers small ones),
 * `limits.ts` holds the bounds.
 */
export { connectEvents, EventClient, type ReadOptions, type SourceOptions } from './event-client.ts';
export type { InvokeOptions } from './invoke-request.ts';
export { bytesInFlightMax, publishesInFlightMax } from './limits.ts';
export type { LogsOptions } from './logs-options.ts';
export { connectPilot, PilotClient } from './pilot-client.ts';
export type { PublishOptions } from './publish-options.ts';
export type { EventCounts } from './publish-window.ts';
export type { StoredEvent } from './stored-event.ts';
export type { CanaryOptions, Deployable } from './upload-function.ts';
