import type { NameScope } from './name.ts'
import type { Place } from './place.ts'

/** The moment of the rule whose `on` stands at the place, given that of the rule around it. */
export function readMoment(
  place: Place,
  { scope, isTop }: { readonly scope: NameScope; readonly isTop: boolean },
): NameScope['moment'] {
  const text = place.text()
  const said = text === 'instance' || text === 'study' ? text : undefined
  if (said === undefined || isTop) return said ?? scope.moment
  if (said !== scope.moment)
    place.reportKey(`A rule keeps the moment of the rule around it, which is on: ${scope.moment}.`)
  return scope.moment
}

const EFFECTS = ['forward', 'notify', 'hold', 'discard', 'rules']

/** A rule must do something, and not two things that exclude each other. */
export function checkEffect(place: Place, name: string): void {
  if (!EFFECTS.some((key) => place.has(key)))
    place.report(`The rule ${name} does nothing; it needs forward, notify, hold, discard or rules.`)
  if (place.has('hold') && place.has('discard')) place.at('discard').reportKey('A rule holds or discards, not both.')
}

/**
 * RULES.md 3.3: while an answer is outstanding the other rules go on, so a stop or discard that came with it would come
 * too late.
 */
export function checkAnswersNeeded(place: Place, outer: NameScope, own: NameScope): void {
  const around = [...outer.aliases.keys()].sort().join(', ')
  if (around !== '' && place.at('stop').text() === 'true')
    place.at('stop').reportKey(`stop cannot depend on an answer (${around}): other rules do not wait for it.`)
  const all = [...own.aliases.keys()].sort().join(', ')
  if (all !== '' && place.has('discard'))
    place.at('discard').reportKey(`discard cannot depend on an answer (${all}): other rules do not wait for it.`)
}

/** What is hidden by a hash is not to stand beside it. */
export function checkRecord(place: Place, keeping: { readonly records: boolean; readonly hides: boolean }): void {
  if (!keeping.records || !keeping.hides) return
  const key = place.has('record_original') ? 'record_original' : 'rewrite'
  place.at(key).reportKey('record_original would keep what hash hides; leave one of them out.')
}
