/** Stands among the counts of a gather for all kinds of parts together: `count: 180` means it. No part can be of this kind. */
export const anyKind = '*';
