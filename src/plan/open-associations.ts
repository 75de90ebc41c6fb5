interface Open {
  /** How many bear this name: a request's is its caller's to choose. */
  count: number
  readonly studies: Set<string>
}

/**
 * Which studies the open associations, and requests, brought: their quiet does not run (RULES.md semantics 2). Only in memory, as an
 * association does not outlive the process either.
 */
export class OpenAssociations {
  readonly #associations = new Map<string, Open>()
  readonly #open = new Map<string, number>()
  readonly #ended: (studies: readonly string[]) => void

  /** @param ended told of the studies that no open association brings any more */
  constructor(ended: (studies: readonly string[]) => void) {
    this.#ended = ended
  }

  opened(association: string): void {
    const open = this.#associations.get(association)
    if (open === undefined) this.#associations.set(association, { count: 1, studies: new Set() })
    else open.count += 1
  }

  /** Ignored for what is not open: an instance that came without an association, or one that is decided later. */
  brought(association: string | null, studyInstanceUid: string | null): void {
    const studies = association === null ? undefined : this.#associations.get(association)?.studies
    if (studies === undefined || studyInstanceUid === null || studies.has(studyInstanceUid)) return
    studies.add(studyInstanceUid)
    this.#open.set(studyInstanceUid, (this.#open.get(studyInstanceUid) ?? 0) + 1)
  }

  closed(association: string): void {
    const open = this.#associations.get(association)
    if (open === undefined || --open.count > 0) return
    this.#associations.delete(association)
    const ended = [...open.studies].filter((study) => this.#left(study))
    if (ended.length > 0) this.#ended(ended)
  }

  isOpen(studyInstanceUid: string): boolean {
    return this.#open.has(studyInstanceUid)
  }

  #left(study: string): boolean {
    const more = (this.#open.get(study) ?? 1) - 1
    if (more > 0) this.#open.set(study, more)
    else this.#open.delete(study)
    return more <= 0
  }
}
