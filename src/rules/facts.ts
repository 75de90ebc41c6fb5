import type { AttributePath, Tag } from '../dicom/attribute-path.ts'
import type { CharacterSet } from '../dicom/character-set.ts'

/** A text element of a header, for those who write all of them anew. */
export interface TextElement {
  readonly path: AttributePath
  readonly vr: string
  /** Undefined when it was too large to keep. */
  readonly values: readonly string[] | undefined
  /** Whether all of it is ASCII, so that it reads the same in any character set. */
  readonly isAscii: boolean
}

/** The header of an instance as rules see it: what `viewOfHeader` makes of a scanned one, or a test of what it is given. */
export interface HeaderView {
  /**
   * The values at a path, decoded from their character set, a step without `item` or with `every` standing for every
   * item. Empty when there is no such element or it has no value; undefined when what stands there is not text.
   */
  values(path: AttributePath): readonly string[] | undefined
  /** Whether an element stands at the path, with or without a value. */
  has(path: AttributePath): boolean
  /** The VR of the element, undefined where there is none or nobody knows. */
  vr(path: AttributePath): string | undefined
  /** The tags of the data set's own elements, ascending. */
  tags(): readonly Tag[]
  /** What (0008,0005) declares; undefined when it declares nothing. */
  readonly declared: CharacterSet | undefined
  /** Everything whose text depends on the character set, and each (0008,0005), at any depth. */
  texts(): readonly TextElement[]
}

/** What a service said to a question: values that are empty are as good as none. Holds patient data. */
export interface Answer {
  readonly found: boolean
  readonly fields: Readonly<Record<string, string>>
}

/** The answers that are there, by `Ask.key`. */
export type Answers = ReadonlyMap<string, Answer>

/** A recorded correction of one attribute: what a person, a request or an order says in place of what was received. */
export interface Amendment {
  /** A keyword, a tag or a path: `PatientID`, `(0010,0020)`, `RequestAttributesSequence[0].ScheduledProcedureStepID`. */
  readonly name: string
  /** Text, several values parted by a backslash; empty: no value; null: the element is taken out. */
  readonly value: string | null
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
  /** As received. */
  readonly header: HeaderView
  /** Later ones win. `match` sees them, and they leave with the instance. */
  readonly amendments?: readonly Amendment[]
  readonly answers?: Answers
}
