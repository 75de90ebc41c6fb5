/**
 * Which studies the open associations brought: their quiet does not run (RULES.md semantics 2). Only in memory, as an
 * association does not outlive the process either.
 */
export class OpenAssociations {
  readonly #studies = new Map<string, Set<string>>()
  readonly #open = new Map<string, number>()
  readonly #ended: (studies: readonly string[]) => void

  /** @param ended told of the studies that no open association brings any more */
  constructor(ended: (studies: readonly string[]) => void) {
    this.#ended = ended
  }

  opened(association: string): void {
    this.#studies.set(association, new Set())
  }

  /** Ignored for what is not open: an instance that came without an association, or one that is decided later. */
  brought(association: string | null, studyInstanceUid: string | null): void {
    const studies = association === null ? undefined : this.#studies.get(association)
    if (studies === undefined || studyInstanceUid === null || studies.has(studyInstanceUid)) return
    studies.add(studyInstanceUid)
    this.#open.set(studyInstanceUid, (this.#open.get(studyInstanceUid) ?? 0) + 1)
  }

  closed(association: string): void {
    const studies = this.#studies.get(association)
    if (studies === undefined) return
    this.#studies.delete(association)
    const ended = [...studies].filter((study) => this.#left(study))
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
