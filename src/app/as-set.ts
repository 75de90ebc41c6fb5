import { KurirError, systemRefusal } from '../base/failure.ts'

/**
 * Does what settings ask for, so that what the system refuses is told together with the settings to look at.
 *
 * @throws KurirError `invalid-setting` in the system's words, and with the names of those settings
 */
export async function asSet<T>(settings: string, doing: Promise<T>): Promise<T> {
  try {
    return await doing
  } catch (cause) {
    const refusal = systemRefusal(cause)
    if (refusal === undefined) throw cause
    throw new KurirError('invalid-setting', 'permanent', `${refusal}; see ${settings}`, { cause })
  }
}
