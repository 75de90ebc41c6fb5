/**
 * The secrets of `hash` and `uid` by the name that `keys:` gives them; one whose file cannot be used is not there, and
 * what needs it is held. Never logged, never part of a digest.
 */
export type Keys = Pick<ReadonlyMap<string, Uint8Array>, 'get'>
