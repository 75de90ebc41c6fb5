import { lookup as lookUp } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { KurirError } from '../base/failure.ts'

/**
 * Never connected to unless a range that holds them is declared: link-local addresses, where clouds answer with the keys
 * of the machine, that service's other addresses, and "this host", which a resolver may be made to say.
 */
const NEVER = [
  '169.254.0.0/16',
  'fe80::/10',
  '64:ff9b::a9fe:0/112',
  'fd00:ec2::254/128',
  '100.100.100.200/32',
  '0.0.0.0/8',
  '::/128',
]

/** Says which addresses may be connected to. Names are resolved once, and what was judged is what is connected to. */
export interface AddressGuard {
  /** For `net.connect`: resolves a name to the addresses that may be connected to, or fails with `address-refused`. */
  readonly lookup: LookupFunction
  /** Whether a host that is an address may be connected to; a name is judged when it is resolved. */
  allowsHost(host: string): boolean
}

/**
 * @param ranges CIDR; empty: anything but {@link NEVER}. Private addresses are no reason to refuse: a hospital's own
 * systems have no others, and only a declared origin is ever asked.
 */
export function addressGuard(ranges: readonly string[]): AddressGuard {
  const listed = blockListOf(ranges.length > 0 ? ranges : NEVER)
  const allows = (address: string, family: number): boolean =>
    listed.check(address, family === 6 ? 'ipv6' : 'ipv4') === ranges.length > 0
  return {
    allowsHost: (host) => isIP(host) === 0 || allows(host, isIP(host)),
    lookup: (host, options, answer) => {
      lookUp(host, { ...options, all: true }, (error, found) => {
        if (error !== null) return answer(error, '', 0)
        const allowed = found.filter(({ address, family }) => allows(address, family))
        const [first] = allowed
        if (first === undefined) return answer(refusal(), '', 0)
        return options.all === true ? answer(null, allowed) : answer(null, first.address, first.family)
      })
    },
  }
}

export const refusal = (): KurirError =>
  new KurirError('address-refused', 'permanent', 'the address is none that may be connected to')

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', length] = range.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    list.addSubnet(address, Number(length ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  return list
}
