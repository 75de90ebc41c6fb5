/** A peer's IP address; an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2) as IPv4, a zone index taken off. */
export function peerAddress(remoteAddress: string | undefined): string {
  if (remoteAddress === undefined) return 'unknown'
  const plain = remoteAddress.replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)
  return mapped?.[1] ?? plain
}
