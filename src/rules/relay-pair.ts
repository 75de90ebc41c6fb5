import type { CompiledDestination } from './destinations.ts'

/**
 * The destination that is called by the title `calledAe`, and from which the title `callingAe` would be heard: one that
 * calls with that title, else one that borrows the title under which an instance came, else one that calls with ours.
 *
 * @param ours our own title; undefined: any will do, for it was judged when the instance came in
 * @returns its name; undefined for a pair that the rules do not know
 */
export function destinationOfPair(
  destinations: ReadonlyMap<string, CompiledDestination>,
  callingAe: string,
  calledAe: string,
  ours: string | undefined,
): string | undefined {
  let found: { readonly name: string; readonly fit: number } | undefined
  for (const [name, { destination }] of destinations) {
    if (destination.reach.kind !== 'dimse' || destination.reach.dimse.ae.aeTitle !== calledAe) continue
    const own = destination.reach.dimse.callingAe
    const isOurs = own === undefined && (ours === undefined || ours === callingAe)
    const fit = own === callingAe ? 3 : own === '{calling_ae}' ? 2 : isOurs ? 1 : 0
    if (fit > (found?.fit ?? 0)) found = { name, fit }
  }
  return found?.name
}
