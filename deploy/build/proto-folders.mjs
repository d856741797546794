// Three gRPC packages read .proto files beside their own code at run time. In a bundle that place is gone, so the files
// are copied to dist/vendor/ and the packages' __dirname is pointed there, with the depth it had in node_modules.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const packages = ['@grpc/grpc-js', '@grpc/reflection', 'grpc-health-check'];

/** Where each package keeps its .proto files, and where under dist/ they go. */
export function bundledProtoFolders(root) {
  return packages
    .flatMap((name) => [`${name}/proto`, `${name}/build/proto`])
    .map((path) => ({ from: join(root, 'node_modules', path), to: join('vendor', path) }))
    .filter(({ from }) => existsSync(from));
}

/** An esbuild plugin that rewrites `__dirname` in those packages, and nowhere else. */
export function protoFolderPlugin(root) {
  const modules = join(root, 'node_modules');
  return {
    name: 'proto-folders',
    setup(build) {
      build.onLoad(
        { filter: /node_modules\/(?:@grpc\/(?:grpc-js|reflection)|grpc-health-check)\/build\/.*\.js$/ },
        ({ path }) => {
          const code = readFileSync(path, 'utf8');
          if (!code.includes('__dirname')) return undefined;
          const place = JSON.stringify(`/vendor/${relative(modules, dirname(path))}`);
          return { contents: code.replaceAll('__dirname', `(__dirname + ${place})`), loader: 'js' };
        },
      );
    },
  };
}
