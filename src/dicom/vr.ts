/** Value representations of PS3.5 6.2. */
// biome-ignore format: a table is read by rows
export const VRS = [
  'AE', 'AS', 'AT', 'CS', 'DA', 'DS', 'DT', 'FD', 'FL', 'IS', 'LO', 'LT', 'OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'PN',
  'SH', 'SL', 'SQ', 'SS', 'ST', 'SV', 'TM', 'UC', 'UI', 'UL', 'UN', 'UR', 'US', 'UT', 'UV',
] as const
export type Vr = (typeof VRS)[number]

const KNOWN: ReadonlySet<string> = new Set(VRS)
// Explicit VR headers of these have two reserved bytes and a 32-bit length (PS3.5 7.1.2).
// biome-ignore format: a table is read by rows
const LONG_FORM: ReadonlySet<string> = new Set([
  'OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV',
])
// Their text depends on Specific Character Set (PS3.5 6.1.2.3).
const CHARACTER_SET: ReadonlySet<string> = new Set(['LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UT'])
const PLAIN_TEXT: ReadonlySet<string> = new Set(['AE', 'AS', 'CS', 'DA', 'DS', 'DT', 'IS', 'TM', 'UI', 'UR'])
// In these the backslash is a character and leading spaces count (PS3.5 6.2, table 6.2-1).
const ONE_VALUE: ReadonlySet<string> = new Set(['LT', 'ST', 'UR', 'UT'])
// biome-ignore format: a table is read by rows
const WORD_BYTES: Readonly<Partial<Record<string, number>>> = {
  AT: 2, FD: 8, FL: 4, OD: 8, OF: 4, OL: 4, OV: 8, OW: 2, SL: 4, SS: 2, SV: 8, UL: 4, US: 2, UV: 8,
}

export const isVr = (text: string): text is Vr => KNOWN.has(text)

/**
 * Whether the explicit header is the long one. A VR we do not know is read as long: PS3.5 7.1.2 says so of every VR to
 * come.
 */
export const isLongForm = (vr: string): boolean => LONG_FORM.has(vr) || !KNOWN.has(vr)

/** Whether the value is text in the data set's character set. */
export const usesCharacterSet = (vr: string): boolean => CHARACTER_SET.has(vr)

export const isText = (vr: string): boolean => CHARACTER_SET.has(vr) || PLAIN_TEXT.has(vr)

/** Whether the backslash does not separate values. */
export const isOneValue = (vr: string): boolean => ONE_VALUE.has(vr)

/** How many bytes are swapped together in big endian; 1 where byte order does not matter (PS3.5 7.3). */
export const wordBytes = (vr: string): number => WORD_BYTES[vr] ?? 1
