import type { HealthReport, HealthSource } from '../admin/sources.ts'
import type { Instant } from '../base/clock.ts'
import type { InForce } from '../reload.ts'
import { formatProblem, type RuleProblem } from '../rules/rule-problem.ts'
import type { BlobStore } from '../spool/blob-store.ts'

export interface HealthDeps {
  readonly version: string
  readonly startedAt: Instant
  readonly store: Pick<BlobStore, 'space'>
  /** Bytes that are to stay free, of a volume of that size. */
  readonly freeLeast: (totalBytes: number) => number
  readonly rules: () => { readonly inForce: InForce; readonly problems: readonly RuleProblem[] }
  /** What keeps doors from taking anything, one sentence each. */
  readonly doors: () => readonly string[]
  /** The same of services. */
  readonly services: () => readonly string[]
}

/** What a person should know of the whole process, one sentence a problem. */
export class Health implements HealthSource {
  readonly #deps: HealthDeps
  /** Set while the doors are open. */
  doorsOpen = false

  constructor(deps: HealthDeps) {
    this.#deps = deps
  }

  async report(): Promise<HealthReport> {
    const space = await this.#deps.store.space().catch(() => undefined)
    const { doors, services } = this.#deps
    const reach = [...this.#destinationProblems(), ...services(), ...doors()]
    const problems = [...this.#ruleProblems(), ...this.#pinned(), ...reach]
    if (space === undefined) {
      problems.push('The disk of the spool does not say how much room it has: new instances are refused until it does.')
    } else if (space.freeBytes < this.#deps.freeLeast(space.totalBytes)) {
      problems.push(
        'The disk of the spool is below KURIR_SPOOL_FREE_MIN: new instances are refused until there is room.',
      )
    }
    const { version, startedAt } = this.#deps
    const { problems: ruleProblems } = this.#deps.rules()
    const spoolFree = space?.freeBytes ?? 0
    return { live: true, ready: this.doorsOpen, version, startedAt, spoolFree, problems, ruleProblems }
  }

  #ruleProblems(): readonly string[] {
    const { problems } = this.#deps.rules()
    if (problems.length === 0) return []
    const lines = problems.slice(0, 10).map(formatProblem)
    return [`The rules as they stand do not load, so the last good ones are in force. ${lines.join(' ')}`]
  }

  /** Without the reason: what a person typed is not for everybody. */
  #pinned(): readonly string[] {
    const { digest, pin, by, loadedAt } = this.#deps.rules().inForce
    if (pin === null) return []
    const since = new Date(loadedAt).toISOString()
    return [
      `The rules are pinned to ${digest.slice(0, 12)} by ${by} since ${since}; a changed file or rulesetReload ends that.`,
    ]
  }

  #destinationProblems(): readonly string[] {
    const { inForce } = this.#deps.rules()
    const { destinations, keysNotConfigured } = inForce.ruleset
    return [
      ...[...destinations.values()].flatMap(({ destination: { name, reach, lacks } }) => {
        if (lacks !== undefined) return [`What goes to destination ${name} is held: ${lacks}.`]
        if (reach.kind !== 'not-configured') return []
        return [`Destination ${name} needs ${reach.unset.join(', ')}, which is not set.`]
      }),
      ...keysNotConfigured.map(({ name }) => `The file of the key ${name} cannot be used: what needs it is held.`),
    ]
  }
}
