/** Puts a deployment together from its stream of parts: each piece bounded, each digest checked. */
import { sha256 } from '#broker';
import { formatBytes, PlatformError } from '#common';
import type { ArtifactFile, Canary, DeployHeader, DeployRequest, FunctionSpec } from '#proto';
import { artifactBytesMax } from '#rpc';
import { checkSpec } from './check-spec.ts';

export interface Deployment {
  readonly spec: FunctionSpec;
  /** What of the function's work it is to be tried on; undefined where it becomes the latest. */
  readonly canary: Canary | undefined;
  readonly artifactDigest: string;
  readonly artifact: Buffer;
  readonly sourceMap: Buffer;
  /** In the order of `spec`'s files: their description and bytes. */
  readonly files: readonly { readonly file: ArtifactFile; readonly data: Buffer }[];
}

/** A source map may be several times its bundle. */
const sourceMapBytesMax = 4 * artifactBytesMax;
/** Files beside the artifact: kernels and tables, not a data set. */
const filesMax = 256;
/** Relative, without "." or ".." as a step: it becomes a path on every node. */
const filePathPattern = /^(?!\.{1,2}(\/|$))[\w.@+-]+(\/(?!\.{1,2}(\/|$))[\w.@+-]+)*$/;
const filePathCharsMax = 255;

/** Chunks of one piece, refused once they are more than it may have. */
class Piece {
  readonly #chunks: Buffer[] = [];
  readonly #bytesMax: number;
  readonly #what: string;
  #bytes = 0;

  constructor(what: string, bytesMax: number) {
    this.#what = what;
    this.#bytesMax = bytesMax;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes <= this.#bytesMax) return;
    throw new PlatformError(
      'payload-too-large',
      `${this.#what} is over the limit of ${formatBytes(this.#bytesMax)} (${this.#bytesMax} bytes)`,
      { hint: 'Leave large data out of the function: read it at init, or send it as events.' },
    );
  }

  whole(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

/** Throws `usage` where one header is not what comes first, `invalid` for a path that leaves the folder, `payload-too-large`, `corrupt`. */
export async function receiveDeployment(
  requests: AsyncIterable<DeployRequest>,
  requireName: (name: string) => void,
): Promise<Deployment> {
  let header: CheckedHeader | undefined;
  const artifact = new Piece('the artifact', artifactBytesMax);
  const sourceMap = new Piece('the source map', sourceMapBytesMax);
  const files: Piece[] = [];
  for await (const { part } of requests) {
    // Who sends it, and what it will come to, is known before any of it is kept.
    if ((part?.$case === 'header') === (header !== undefined)) throw outOfTurn();
    switch (part?.$case) {
      case 'header':
        header = checkHeader(part.header);
        // Before the first chunk: what is refused in the end need not be taken in.
        requireName(header.spec.name);
        // All files together are held to the artifact's limit by the sum of what they claim.
        for (const file of header.files) files.push(new Piece(`the file ${file.path}`, file.bytes));
        break;
      case 'artifactChunk':
        artifact.push(part.artifactChunk);
        break;
      case 'sourceMapChunk':
        sourceMap.push(part.sourceMapChunk);
        break;
      case 'fileChunk': {
        const piece = files[part.fileChunk.index];
        if (!piece)
          throw new PlatformError('usage', `a chunk came for file ${part.fileChunk.index}, which is not listed`);
        piece.push(part.fileChunk.data);
      }
    }
  }
  if (!header) throw outOfTurn();
  const { spec, artifactDigest, canary } = header;
  const received = header.files.map((file, at) => ({ file, data: files[at]?.whole() ?? Buffer.alloc(0) }));
  for (const { file, data } of received) requireDigest(`${spec.name}'s file ${file.path}`, data, file.digest);
  const whole = artifact.whole();
  requireDigest(`the artifact of ${spec.name}`, whole, artifactDigest);
  return { spec, canary, artifactDigest, artifact: whole, sourceMap: sourceMap.whole(), files: received };
}

type CheckedHeader = DeployHeader & { readonly spec: FunctionSpec };

function checkHeader(header: DeployHeader): CheckedHeader {
  const { spec, artifactDigest, files, canary } = header;
  if (!spec?.name) throw outOfTurn();
  if (files.length > filesMax) {
    throw new PlatformError('invalid', `${spec.name} brings ${files.length} files; the most is ${filesMax}`);
  }
  const odd = files.find(({ path }) => path.length > filePathCharsMax || !filePathPattern.test(path));
  if (odd) {
    throw new PlatformError('invalid', `${spec.name}: "${odd.path}" cannot be the path of a file`, {
      hint: 'Paths are relative to the function\'s folder, with letters, digits and "._@+-" between slashes.',
    });
  }
  checkSpec(spec);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > artifactBytesMax) {
    throw new PlatformError(
      'payload-too-large',
      `the files of ${spec.name} have ${formatBytes(bytes)}; the limit is ${formatBytes(artifactBytesMax)}`,
      { hint: 'Leave large data out of the function: read it at init, or send it as events.' },
    );
  }
  if (canary && !(canary.percent >= 1 && canary.percent <= 99)) {
    throw new PlatformError('usage', `a canary is given 1 to 99 of 100 calls and events, not ${canary.percent}`);
  }
  return { spec, artifactDigest, files, canary };
}

function outOfTurn(): PlatformError {
  return new PlatformError('usage', 'a deployment begins with one header, which names the function');
}

function requireDigest(what: string, bytes: Buffer, digest: string): void {
  if (sha256(bytes) === digest) return;
  throw new PlatformError('corrupt', `${what} arrived with another digest than it was sent with`, {
    hint: 'Deploy again.',
  });
}
