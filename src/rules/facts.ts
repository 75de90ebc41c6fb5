import type { AttributePath, Tag } from '../dicom/attribute-path.ts'

/** The header of an instance as rules see it. */
export interface HeaderView {
  /**
   * The values at a path, decoded from their character set, a step without `item` standing for every item. Empty when
   * there is no such element or it has no value. Sequences give none.
   */
  values(path: AttributePath): readonly string[]
  /** Whether an element stands at the path, with or without a value. */
  has(path: AttributePath): boolean
  /** The VR of the element as received, undefined where there is none or the data set does not say. */
  vr(path: AttributePath): string | undefined
  /** The tags of the data set's own elements, ascending. */
  tags(): readonly Tag[]
}

/** All that a rule may look at at the instance moment. */
export interface Facts {
  readonly callingAe: string
  readonly calledAe: string
  /** IP address of the other end. */
  readonly peer: string
  /** The way in: `dimse`, `stow`, `upload`, `folder`, `retrieve`. */
  readonly door: string
  readonly sopClass: string
  readonly sopInstanceUid: string
  /** As received. */
  readonly transferSyntax: string
  readonly header: HeaderView
}
