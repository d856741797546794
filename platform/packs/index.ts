/** Packs: many small events in one message (`pack.ts`). The client makes them, agents and readers open them. */
export {
  decodePack,
  describedMembers,
  describePack,
  encodeLeft,
  encodePack,
  isPlainPack,
  memberCount,
  type PackMember,
  packedBytes,
  packHeader,
  packLeftHeader,
  packMembersMax,
  readLeft,
  readMemberHeaders,
} from './pack.ts';
