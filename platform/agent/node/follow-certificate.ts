/** Takes up an agent's new certificate once a rotation has written it. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { messageOf } from '#common';
import { readTls, type TlsFiles, type TlsIdentity } from '#rpc';
import { stampOf } from '#security';
import type { Logger } from '#telemetry';

/** The file lies where other nodes write: looked at, not watched. */
const lookEveryMs = 2_000;

/** Returns what ends it. */
export function followCertificate(files: TlsFiles, take: (tls: TlsIdentity) => void, logger: Logger): () => void {
  let seen = stampOf(files.cert);
  const timer = setInterval(() => {
    const stamp = stampOf(files.cert);
    if (stamp === seen || stamp === '') return;
    try {
      const tls = readTls(files);
      // Between the two writes of a rotation the pair does not fit yet.
      if (!new X509Certificate(tls.cert).checkPrivateKey(createPrivateKey(tls.key))) return;
      take(tls);
      seen = stamp;
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'the new certificate is not usable yet');
    }
  }, lookEveryMs);
  return () => clearInterval(timer);
}
