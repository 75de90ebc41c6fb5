import { decodeBytes } from './text-decoder.ts'

// Which set an escape sequence brings into G0 or G1 (PS3.3 tables C.12-3 and C.12-4): the bytes after ESC.
// biome-ignore format: a table is read by rows
const G0: Readonly<Record<string, G0Set>> = {
  '(B': 'ascii', '(J': 'romaji', $B: 'jisx0208', '$@': 'jisx0208', '$(D': 'jisx0212', '$(B': 'jisx0208',
}
// biome-ignore format: a table is read by rows
const G1: Readonly<Record<string, string>> = {
  '-A': 'latin1', '-B': 'iso-8859-2', '-C': 'iso-8859-3', '-D': 'iso-8859-4', '-L': 'iso-8859-5', '-G':
  'iso-8859-6', '-F': 'iso-8859-7', '-H': 'iso-8859-8', '-M': 'windows-1254', '-b': 'iso-8859-15', '-T':
  'windows-874', ')I': 'shift_jis', '$)C': 'euc-kr', '$)A': 'gbk',
}

type G0Set = 'ascii' | 'romaji' | 'jisx0208' | 'jisx0212'

const ESC = 0x1b

/**
 * Text with code extensions (ISO 2022; PS3.5 6.1.2.5). Line ends and, but in two-byte text, the delimiters bring back the
 * initial sets (PS3.5 6.1.2.5.3).
 *
 * @param initial the WHATWG name of what high bytes mean before any escape, undefined where only ASCII was declared; and
 *   whether low ones are those of JIS X 0201
 * @param delimiters ASCII characters that separate values or components: `\`, in PN also `^` and `=`
 */
export function decodeIso2022(
  bytes: Buffer,
  initial: { readonly label?: string; readonly isRomaji?: true },
  delimiters: string,
): string {
  const initialG0 = initial.isRomaji === true ? 'romaji' : 'ascii'
  let g0: G0Set = initialG0
  let g1 = initial.label
  let text = ''
  let at = 0
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0
    if (byte === ESC) {
      const size = escapeSize(bytes, at)
      const name = bytes.toString('latin1', at + 1, at + size)
      g0 = G0[name] ?? g0
      g1 = G1[name] ?? g1
      at += size
      continue
    }
    const end = runEnd(bytes, at, g0, delimiters)
    text += decodeRun(bytes.subarray(at, end), g0, g1, delimiters)
    if (resets(bytes[end - 1] ?? 0, g0, delimiters)) {
      g0 = initialG0
      g1 = initial.label
    }
    at = end
  }
  return text
}

/** Bytes of the escape sequence: ESC, intermediates 20H–2FH, one final byte. */
function escapeSize(bytes: Buffer, at: number): number {
  let end = at + 1
  while (end < bytes.length && (bytes[end] ?? 0) >= 0x20 && (bytes[end] ?? 0) <= 0x2f) end++
  return Math.min(end + 1, bytes.length) - at
}

/** The end of what is read with the same sets: before the next ESC or change of half, behind a delimiter. */
function runEnd(bytes: Buffer, at: number, g0: G0Set, delimiters: string): number {
  const high = (bytes[at] ?? 0) >= 0x80
  let end = at
  while (end < bytes.length) {
    const byte = bytes[end] ?? 0
    if (byte === ESC || byte >= 0x80 !== high) return end
    end++
    if (resets(byte, g0, delimiters)) return end
  }
  return end
}

function resets(byte: number, g0: G0Set, delimiters: string): boolean {
  if (byte === 0x09 || byte === 0x0a || byte === 0x0c || byte === 0x0d) return true
  return isOneByte(g0) && byte < 0x80 && delimiters.includes(String.fromCharCode(byte))
}

const isOneByte = (g0: G0Set): g0 is Exclude<G0Set, 'jisx0208' | 'jisx0212'> => g0 === 'ascii' || g0 === 'romaji'

function decodeRun(run: Buffer, g0: G0Set, g1: string | undefined, delimiters: string): string {
  if ((run[0] ?? 0) >= 0x80) return g1 === undefined ? '\ufffd'.repeat(run.length) : decodeBytes(run, g1)
  if (!isOneByte(g0)) return decodeJapanese(run, g0)
  const text = run.toString('latin1')
  return g0 === 'ascii' ? text : readRomaji(text, delimiters)
}

/** JIS X 0201 has a yen sign and an overline where ASCII has the backslash and the tilde. */
export function readRomaji(text: string, delimiters: string): string {
  const overlined = text.replaceAll('~', '\u203e')
  return delimiters.includes('\\') ? overlined : overlined.replaceAll('\\', '\u00a5')
}

/** Seven-bit pairs become EUC-JP, which TextDecoder knows: both high bits set, 8FH in front for JIS X 0212. */
function decodeJapanese(run: Buffer, g0: 'jisx0208' | 'jisx0212'): string {
  const euc: number[] = []
  let text = ''
  const flush = (): void => {
    text += decodeBytes(Buffer.from(euc), 'euc-jp')
    euc.length = 0
  }
  for (let i = 0; i < run.length; i++) {
    const byte = run[i] ?? 0
    if (byte <= 0x20) {
      flush()
      text += String.fromCharCode(byte)
      continue
    }
    if (g0 === 'jisx0212') euc.push(0x8f)
    euc.push(byte | 0x80, (run[++i] ?? 0) | 0x80)
  }
  flush()
  return text
}
