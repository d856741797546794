/** The page's way to the gateway: one call, or a stream that opens itself anew whenever it is lost. */

export interface Who {
  readonly pilot: string;
  readonly name: string;
  readonly role: string;
  readonly functions: readonly string[];
  readonly methods: readonly string[];
}

/** What the gateway said no with. */
export class CallError extends Error {
  override readonly name = 'CallError';
}

export async function who(): Promise<Who> {
  return (await read(await fetch('/ui/who'))) as Who;
}

/** Throws `CallError` with the gateway's own words. */
export async function call<Response>(method: string, request: object): Promise<Response> {
  const response = await fetch(`/ui/api/${method}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Pilotfish': 'page' },
    body: JSON.stringify(request),
  });
  return (await read(response)) as Response;
}

export interface StreamListener<Message> {
  readonly onMessage: (message: Message) => void;
  /** False while the line is down; it is tried again by itself. */
  readonly onLine?: (up: boolean) => void;
  /** The gateway has said all there is, or why it says nothing. */
  readonly onEnd?: (why: string) => void;
}

const againMinMs = 500;
const againMaxMs = 5_000;
/** A watched pilot says something each second: a line that is silent for this long is dead. */
const silentMs = 10_000;

/** Returns what ends it. */
export function listen<Message>(method: string, request: object, listener: StreamListener<Message>): () => void {
  const url = `/ui/api/${method}?q=${encodeURIComponent(JSON.stringify(request))}`;
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waitMs = againMinMs;
  let heardAt = Date.now();
  const watchdog =
    method === 'Watch' ? setInterval(() => Date.now() - heardAt > silentMs && again(), 1_000) : undefined;
  function open(): void {
    heardAt = Date.now();
    source = new EventSource(url);
    source.onmessage = ({ data }) => {
      heardAt = Date.now();
      waitMs = againMinMs;
      listener.onLine?.(true);
      listener.onMessage(JSON.parse(String(data)) as Message);
    };
    source.addEventListener('end', () => finish(''));
    source.addEventListener('refused', (event) =>
      finish(String((JSON.parse(event.data) as { message: string }).message)),
    );
    // Its own retry has no backoff, and gives up on an answer that is no stream.
    source.onerror = () => again();
  }
  function again(): void {
    source?.close();
    listener.onLine?.(false);
    clearTimeout(timer);
    heardAt = Date.now() + waitMs;
    timer = setTimeout(open, waitMs);
    waitMs = Math.min(againMaxMs, waitMs * 2);
  }
  function stop(): void {
    source?.close();
    clearTimeout(timer);
    clearInterval(watchdog);
  }
  function finish(why: string): void {
    stop();
    listener.onEnd?.(why);
  }
  open();
  return stop;
}

async function read(response: Response): Promise<unknown> {
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  throw new CallError(messageOf(text) ?? `the gateway answered ${response.status}`);
}

function messageOf(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string; hint?: string } };
    return error?.message && [error.message, error.hint].filter(Boolean).join('. ');
  } catch {
    // Not from the gateway.
    return undefined;
  }
}
