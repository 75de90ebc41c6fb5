import type { Ledger } from '../ledger/ledger.ts'

/** What one request has shown of patients: which fields, and how many values. */
export class PhiReads {
  readonly #fields = new Set<string>()
  #values = 0

  /** @param field `Study.patientName` */
  shown(field: string): void {
    this.#fields.add(field)
    this.#values += 1
  }

  /** One audit event (PS3.15 A.5 "DICOM Instances Accessed"), or none when nothing was shown. */
  async record(ledger: Pick<Ledger, 'phiRead'>, caller: string): Promise<void> {
    if (this.#values === 0) return
    await ledger.phiRead({ name: caller }, [...this.#fields].sort().join(', '), this.#values)
  }
}
