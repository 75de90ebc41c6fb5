/** A range of IP addresses (RFC 4632, RFC 4291 2.3). A single address is the range of itself. */
export interface Cidr {
  readonly family: 4 | 6
  /** The network's address without its host bits. */
  readonly network: bigint
  /** How many bits behind the prefix are free. */
  readonly hostBits: bigint
}

/** Undefined when the text is neither an address nor `address/prefix length`. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text.trim())
  const address = match?.[1] === undefined ? undefined : parseAddress(match[1])
  if (address === undefined) return undefined
  const bits = address.family === 4 ? 32 : 128
  const prefix = match?.[2] === undefined ? bits : Number(match[2])
  if (prefix > bits) return undefined
  const hostBits = BigInt(bits - prefix)
  return { family: address.family, network: address.value >> hostBits, hostBits }
}

/** Whether the address lies in the range. An IPv4 address mapped into IPv6 (`::ffff:10.0.0.1`) counts as IPv4. */
export function isWithin(cidr: Cidr, address: string): boolean {
  const parsed = parseAddress(address)
  return parsed !== undefined && parsed.family === cidr.family && parsed.value >> cidr.hostBits === cidr.network
}

/** An address as it is shown of a peer: IPv4 with dots, one mapped into IPv6 too, IPv6 as RFC 5952 has it. Undefined for no address. */
export function addressAsShown(text: string): string | undefined {
  const parsed = parseAddress(text)
  if (parsed === undefined) return undefined
  if (parsed.family === 4) return [24n, 16n, 8n, 0n].map((bits) => (parsed.value >> bits) & 0xffn).join('.')
  return new URL(`http://[${text.replace(/%.*$/, '')}]`).hostname.slice(1, -1)
}

interface Address {
  readonly family: 4 | 6
  readonly value: bigint
}

const MAPPED = 0xffffn

function parseAddress(text: string): Address | undefined {
  const bare = text.replace(/%.*$/, '')
  if (!bare.includes(':')) {
    const v4 = parseV4(bare)
    return v4 === undefined ? undefined : { family: 4, value: v4 }
  }
  const v6 = parseV6(bare)
  if (v6 === undefined) return undefined
  return v6 >> 32n === MAPPED ? { family: 4, value: v6 & 0xffffffffn } : { family: 6, value: v6 }
}

function parseV4(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let value = 0n
  for (const part of parts) {
    // A leading zero is octal to some and decimal to others, so it is neither here.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    value = (value << 8n) | BigInt(part)
  }
  return value
}

function parseV6(text: string): bigint | undefined {
  const lastColon = text.lastIndexOf(':')
  const tail = text.slice(lastColon + 1)
  if (!tail.includes('.')) return parseGroups(text)
  const v4 = parseV4(tail)
  if (v4 === undefined) return undefined
  return parseGroups(`${text.slice(0, lastColon + 1)}${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`)
}

function parseGroups(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')))
  if (head === undefined) return undefined
  const missing = 8 - head.length - (tail?.length ?? 0)
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...(tail ?? [])]
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}
