import { TextDecoder } from 'node:util'

const decoders = new Map<string, TextDecoder>()

/** Decodes by a WHATWG name; `latin1` is the real one, not windows-1252. */
export function decodeBytes(bytes: Buffer, label: string): string {
  if (label === 'latin1') return bytes.toString('latin1')
  let decoder = decoders.get(label)
  if (decoder === undefined) {
    decoder = new TextDecoder(label, { ignoreBOM: true })
    decoders.set(label, decoder)
  }
  return decoder.decode(bytes)
}
