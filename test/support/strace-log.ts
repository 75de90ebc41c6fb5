// Reads what `strace -f -y -xx -s 8192` wrote: one event a call, with its descriptor's path and the bytes it carried.

/** Calls that a log must hold for `checkPowerCut` to judge it. */
export const TRACED =
  'openat,mkdir,mkdirat,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg'

export interface Call {
  readonly name: string
  /** What the descriptor stands for: a path, `socket:[…]` …; for calls that name a path, that. */
  readonly target: string
  /** The first bytes written. */
  readonly bytes: Buffer
  readonly args: string
  readonly ok: boolean
  /** When it began and when it returned, as places in the log; Infinity when it never did. */
  readonly began: number
  readonly ended: number
}

const BEGUN = /^(\d+) +(\w+)\((.*)$/
const RESUMED = /^(\d+) +<\.\.\. (\w+) resumed>(.*)$/
const UNFINISHED = ' <unfinished ...>'

interface Open {
  readonly name: string
  readonly began: number
  readonly text: string
}

/** Calls in the order in which they began. */
export function readStraceLog(log: string): readonly Call[] {
  const calls: Call[] = []
  const open = new Map<string, Open>()
  for (const [at, line] of log.split('\n').entries()) {
    const begun = BEGUN.exec(line)
    const resumed = RESUMED.exec(line)
    const thread = begun?.[1] ?? resumed?.[1] ?? ''
    if (begun?.[2] !== undefined && begun[3] !== undefined) {
      if (begun[3].endsWith(UNFINISHED)) {
        open.set(thread, { name: begun[2], began: at, text: begun[3].slice(0, -UNFINISHED.length) })
      } else calls.push(callOf(begun[2], begun[3], at, at))
    } else if (resumed?.[3] !== undefined) {
      const first = open.get(thread)
      open.delete(thread)
      if (first !== undefined) calls.push(callOf(first.name, first.text + resumed[3], first.began, at))
    }
  }
  for (const { name, began, text } of open.values()) calls.push(callOf(name, text, began, Number.POSITIVE_INFINITY))
  return calls.sort((a, b) => a.began - b.began)
}

function callOf(name: string, text: string, began: number, ended: number): Call {
  const result = /= (-?\d+)[^=]*$/.exec(text)?.[1]
  const ok = result !== undefined && !result.startsWith('-')
  return { name, target: targetOf(name, text), bytes: bytesOf(text), args: text, ok, began, ended }
}

// `openat(AT_FDCWD<…>, "path", …) = 21<path>` and `fsync(21<path>)`; everything between quotes or brackets is \x escapes.
function targetOf(name: string, text: string): string {
  if (name === 'openat') return unescaped(/= \d+<([^>]*)>/.exec(text)?.[1] ?? '')
  if (name.startsWith('mkdir')) return unescaped(/"([^"]*)"/.exec(text)?.[1] ?? '')
  return unescaped(/^\d+<([^>]*)>/.exec(text)?.[1] ?? '')
}

const bytesOf = (text: string): Buffer =>
  Buffer.concat([...text.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map((match) => fromEscapes(match[1] ?? '')))

const fromEscapes = (escaped: string): Buffer => Buffer.from(escaped.replaceAll('\\x', ''), 'hex')

const unescaped = (escaped: string): string => (escaped.includes('\\x') ? fromEscapes(escaped).toString() : escaped)
