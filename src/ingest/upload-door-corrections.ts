import { amendmentProblem } from '../rules/amendment.ts'
import type { Corrections } from '../spool/corrections.ts'

type Corrected = 'patientId' | 'accessionNumber'

/** Fields of the form and what each sets; the last two are how other gateways spell it. */
const FIELDS: ReadonlyMap<string, Corrected> = new Map<string, Corrected>([
  ['patientid', 'patientId'],
  ['acc', 'accessionNumber'],
  ['accesionnum', 'accessionNumber'],
  ['accessionnum', 'accessionNumber'],
])
const ATTRIBUTES = { patientId: 'PatientID', accessionNumber: 'AccessionNumber' } as const

/** What the fields of one form say of its files. */
export class FormCorrections {
  readonly #values = new Map<Corrected, string>()

  /** Whether the form has said everything that it could. */
  get isComplete(): boolean {
    return this.#values.size === Object.keys(ATTRIBUTES).length
  }

  static isOne(name: string, value: string): boolean {
    return value !== '' && FIELDS.has(name)
  }

  /** Takes a field. Why it cannot be set, in a sentence without its value; undefined when it can. */
  set(name: string, value: string): string | undefined {
    const corrected = FIELDS.get(name)
    if (corrected === undefined) return undefined
    if (value.includes('\\')) return `The field ${name} holds a backslash, which parts values.`
    const problem = amendmentProblem({ name: ATTRIBUTES[corrected], value })
    if (problem !== undefined) return problem
    const before = this.#values.get(corrected)
    if (before !== undefined && before !== value) return `The field ${name} is there twice, with two values.`
    this.#values.set(corrected, value)
    return undefined
  }

  /** Undefined where nothing is to be set. */
  of(by: string): Corrections | undefined {
    if (this.#values.size === 0) return undefined
    return { ...Object.fromEntries(this.#values), by, reason: 'set by the upload' }
  }
}
