import { KINDS } from './destination.ts'
import type { Place } from './place.ts'

/** Reports a failover to a destination that there is not, and one that comes back to where it began. */
export function checkFailovers(destinations: readonly (readonly [string, Place])[]): void {
  const next = new Map(destinations.map(([name, place]) => [name, place.at('failover').text()]))
  for (const [name, place] of destinations) {
    const to = next.get(name)
    if (to === undefined) continue
    const at = place.at('failover')
    if (!next.has(to)) {
      at.report(`No destination ${to}. There are: ${[...next.keys()].sort().join(', ')}.`)
      continue
    }
    const circle = circleFrom(name, next)
    if (circle !== undefined) at.report(`The failover goes round in a circle: ${circle.join(', ')}.`)
    else if (!STANDBY.some((kind) => place.has(kind)))
      at.reportKey(`Only ${STANDBY.join(', ')} have a failover; what others take cannot be taken elsewhere.`)
  }
}

const STANDBY = KINDS.filter((kind) => kind !== 'satusehat')

/** The way from a destination back to itself; undefined when there is none, or when the circle lies further on. */
function circleFrom(name: string, next: ReadonlyMap<string, string | undefined>): readonly string[] | undefined {
  const way = [name]
  for (let at = next.get(name); at !== undefined && next.has(at); at = next.get(at)) {
    if (at === name) return [...way, name]
    if (way.includes(at)) return undefined
    way.push(at)
  }
  return undefined
}
