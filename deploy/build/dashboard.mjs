// The dashboard as three files beside the bundles: what the gateway's door for HTTP serves. Everything is inside: it works
// offline and through a tunnel.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

/** As the browser gets them, unzipped; the test of the dashboard holds their size. */
export const dashboardFiles = ['dashboard.html', 'dashboard.js', 'dashboard.css'];

function dashboardOptions(root, scratch) {
  return {
    absWorkingDir: root,
    entryPoints: { dashboard: 'platform/dashboard/app.tsx' },
    outdir: scratch,
    bundle: true,
    platform: 'browser',
    // The browsers of the last two years.
    target: ['chrome123', 'firefox121', 'safari17.5'],
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    legalComments: 'none',
    logLevel: 'silent',
  };
}

export async function bundleDashboard(esbuild, root, scratch) {
  await esbuild.build(dashboardOptions(root, scratch));
  copyFileSync(join(root, 'platform/dashboard/index.html'), join(scratch, 'dashboard.html'));
}
