/** The certificate maker behind a late import: its library takes longer to load than a node takes to start its broker. */
export async function loadCertificates(): Promise<typeof import('./certificates.ts')> {
  return import('./certificates.ts');
}
