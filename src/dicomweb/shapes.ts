/** The path parameters of a study, a series, an instance: what they may be is a UID as they are met, not only as PS3.5 9.1 says. */
export function uidParameters(...names: readonly string[]) {
  return { type: 'object', required: names, properties: Object.fromEntries(names.map((name) => [name, UID])) }
}

/** Liberal: leading zeros are met in archives. */
export const UID = {
  type: 'string',
  pattern: '^[0-9.]{1,64}$',
  description: 'A UID has digits and dots, 64 at most.',
  examples: ['1.2.826.0.1.3680043.8.498.1'],
} as const

/** A data set in the DICOM JSON Model (PS3.18 F). */
export const DICOM_JSON = {
  type: 'object',
  description: 'DICOM JSON Model (PS3.18 F): attributes by tag.',
  patternProperties: {
    '^[0-9A-F]{8}$': {
      type: 'object',
      required: ['vr'],
      properties: {
        vr: { type: 'string', pattern: '^[A-Z]{2}$' },
        Value: { type: 'array', items: {} },
        BulkDataURI: { type: 'string' },
        InlineBinary: { type: 'string' },
      },
    },
  },
} as const

/** The same as XML (PS3.19 A.1). */
export const DICOM_XML = { type: 'string', description: 'Native DICOM Model (PS3.19 A.1).' } as const
