/**
 * Claim-check: large payloads lie in files (`claim-folder.ts`), and events carry a reference (`claim.ts`). Needs no package:
 * every instance loads it. Who writes, and pieces in the stream, are the broker's; docs/delivery.md tells the whole way.
 */
export {
  type Claim,
  checkClaimed,
  checksumOf,
  claimBytesMax,
  claimedBytes,
  claimHeader,
  claimOf,
  dtypeHeader,
  encodeClaim,
  isChecksum,
  isClaimName,
  parseShape,
  readClaim,
  shapeHeader,
  sharedPlace,
  streamPlace,
} from './claim.ts';
export { ClaimFolder, type ClaimFolderOptions, type LeftFile } from './claim-folder.ts';
export { missing, readClaimFile } from './read-claim-file.ts';
