/** Where the gateway's door for HTTP is now: pages, metrics, HTTP triggers. */
import type { PilotClient } from '#client';
import { PlatformError } from '#common';

export async function gatewayUrl(pilot: PilotClient, signal?: AbortSignal): Promise<string> {
  const once = new AbortController();
  try {
    const watched = pilot.watch(signal ? AbortSignal.any([once.signal, signal]) : once.signal);
    for await (const { httpUrl } of watched) return httpUrl;
  } finally {
    once.abort();
  }
  throw new PlatformError('unavailable', 'the gateway does not say where its pages are');
}
