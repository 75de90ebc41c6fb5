import { KurirError } from '../base/failure.ts'
import type { Tag } from '../dicom/attribute-path.ts'
import type { Vr } from '../dicom/vr.ts'

/** What an attribute of a model holds, before it is written as DICOM writes it. */
export type ModelContent =
  /** Text forms, numbers in decimal, AT as eight hexadecimal digits, a person's name with its `=`; empty: no value there. */
  | { readonly kind: 'values'; readonly values: readonly string[] }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  /** In a part of its own, found by this name. */
  | { readonly kind: 'bulk'; readonly uri: string }
  | { readonly kind: 'items'; readonly items: readonly ModelItem[] }

export interface ModelElement {
  readonly tag: Tag
  readonly vr: Vr
  /** Of a private attribute, where the model names it (PS3.19 A.1.5). */
  readonly creator?: string
  readonly content: ModelContent
}

/** A data set or an item: its attributes in any order. */
export type ModelItem = readonly ModelElement[]

/** Bytes of one metadata part, after its Content-Encoding is off. What is larger belongs into bulk data. */
export const MODEL_BYTES = 8 * 2 ** 20
/** How deep sequences may stand in one another. */
export const MODEL_DEPTH = 64

// Three bytes of JSON can make an item, and two a value: what memory they take is bounded by their number, not by their bytes.
const MOST_NODES = 120_000
const MOST_VALUES = 2_000_000

/** Counts what one metadata part holds; throws `invalid-dataset` when it is more than any instance needs. */
export class ModelBudget {
  #nodes = 0
  #values = 0

  /** Whether there was more than that. */
  get isSpent(): boolean {
    return this.#nodes > MOST_NODES || this.#values > MOST_VALUES
  }

  /** An attribute or an item. */
  node(): void {
    this.#nodes += 1
    if (this.#nodes > MOST_NODES) throw badModel('the metadata has too many attributes')
  }

  values(count: number): void {
    this.#values += count
    if (this.#values > MOST_VALUES) throw badModel('the metadata has too many values')
  }
}

/** A model that says what no data set can: the instance cannot be stored. The sentence holds nothing of it. */
export const badModel = (sentence: string): KurirError => new KurirError('invalid-dataset', 'permanent', sentence)
