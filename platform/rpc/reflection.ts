/** Lets generic clients ask what a server offers (gRPC reflection v1 and v1alpha) out of the committed descriptor set. */
import { readFileSync } from 'node:fs';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Server } from '@grpc/grpc-js';
import { descriptorSetPath } from '#proto';

/** The one thing of a server that the libraries of the standard services ask for. */
export type ServiceHost = Pick<Server, 'addService'>;

/** Loaded only where it is wanted: the library and its parser cost 70 ms of an agent's start. */
export async function addReflection(door: ServiceHost, services: readonly string[]): Promise<void> {
  const { ReflectionService } = await import('@grpc/reflection');
  const files = splitDescriptorSet(readFileSync(descriptorSetPath));
  // Of a package definition the library reads the encoded files only. Given like this they are served as they were
  // written; proto-loader would first merge all files of a package into one.
  const definition = { pilotfish: { fileDescriptorProtos: files } };
  new ReflectionService(definition as unknown as ConstructorParameters<typeof ReflectionService>[0], {
    services: [...services],
  }).addToServer(door as Server);
}

/** A process that waits anyway loads what `startRpcServer` would then load. */
export async function preloadServer(): Promise<void> {
  await Promise.all([import('@grpc/reflection'), import('grpc-health-check')]);
}

/** The encoded FileDescriptorProtos of a FileDescriptorSet (descriptor.proto: `repeated FileDescriptorProto file = 1`). */
export function splitDescriptorSet(bytes: Uint8Array): Buffer[] {
  const reader = new BinaryReader(bytes);
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) files.push(Buffer.from(reader.bytes()));
    else reader.skip(wireType, field);
  }
  return files;
}
