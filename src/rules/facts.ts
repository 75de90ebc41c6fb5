import type { AttributePath } from '../dicom/attribute-path.ts'
import type { CharacterSet } from '../dicom/character-set.ts'

/** One element of a header at any depth. */
export interface ViewedElement {
  /** With the number of each item on the way. */
  readonly path: AttributePath
  /** By which its value is read: where a public element came as UN, what the dictionary says. */
  readonly vr: string
  readonly isSequence: boolean
  /** Why nobody can see what is in it; undefined when it can be seen. */
  readonly closed: 'too large' | 'UN' | undefined
  /** What closed UN holds when it is read as items; undefined when it cannot be. */
  inside(): Iterable<ViewedElement> | undefined
  /** Whether all of it is ASCII, so that it reads the same in any character set. */
  readonly isAscii: boolean
  /** Whether its text is not ASCII and nothing says how to read it: what it reads as is a guess. */
  readonly isGuess: boolean
  /** As received; undefined for sequences, for what was too large to keep, and where there are no bytes (a test). */
  readonly bytes: Uint8Array | undefined
  /** Undefined for what is not text or was too large to keep. */
  values(): readonly string[] | undefined
}

/** How a value is written at one place. */
export interface Writing {
  readonly characterSet: CharacterSet
  readonly bigEndian: boolean
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
  /**
   * How many items the sequence at a path of numbered items has; 0 where none stands, undefined where something stands
   * that cannot be looked into.
   */
  items(path: AttributePath): number | undefined
  /** How a value is written at a path of numbered items, by the innermost item that there is. */
  writing(path: AttributePath): Writing
  /** All elements in the order of the data set, those of sequences behind their sequence. */
  walk(): Iterable<ViewedElement>
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
  /** It names no study, so no moment of one will come for it. Unsaid: it is of one. */
  readonly isOfNoStudy?: boolean
  /** When it was received, in milliseconds since 1970. */
  readonly receivedAt: number
  /** Later ones win. `match` sees them, and they leave with the instance. */
  readonly amendments?: readonly Amendment[]
  readonly answers?: Answers
}
