/**
 * The upper layer protocol machine of PS3.8 9.2 (Table 9-10) as a table: pure, shared by acceptor and requestor. A cell
 * that the Standard leaves blank cannot happen; `transition` answers undefined for it.
 */
export const STATES = [
  'Sta1', // idle
  'Sta2', // transport open, awaiting A-ASSOCIATE-RQ
  'Sta3', // awaiting the local A-ASSOCIATE response
  'Sta4', // awaiting transport connection
  'Sta5', // awaiting A-ASSOCIATE-AC or -RJ
  'Sta6', // established
  'Sta7', // awaiting A-RELEASE-RP
  'Sta8', // awaiting the local A-RELEASE response
  'Sta9', // release collision, requestor: awaiting the local A-RELEASE response
  'Sta10', // release collision, acceptor: awaiting A-RELEASE-RP
  'Sta11', // release collision, requestor: awaiting A-RELEASE-RP
  'Sta12', // release collision, acceptor: awaiting the local A-RELEASE response
  'Sta13', // awaiting the close of the transport
] as const
export type State = (typeof STATES)[number]

/** Events Evt1 to Evt19 under names; the number beside each is the Standard's (Table 9-10). */
export const EVENTS = [
  'associate-request', // 1
  'transport-confirm', // 2
  'associate-ac', // 3
  'associate-rj', // 4
  'transport-indication', // 5
  'associate-rq', // 6
  'accept', // 7
  'reject', // 8
  'data-request', // 9
  'data-pdu', // 10
  'release-request', // 11
  'release-rq', // 12
  'release-rp', // 13
  'release-response', // 14
  'abort-request', // 15
  'abort-pdu', // 16
  'transport-closed', // 17
  'artim-expired', // 18
  'invalid-pdu', // 19
] as const
export type Event = (typeof EVENTS)[number]

/** Actions of PS3.8 Tables 9-6 to 9-9. */
export type Action =
  | 'AE-1'
  | 'AE-2'
  | 'AE-3'
  | 'AE-4'
  | 'AE-5'
  | 'AE-6'
  | 'AE-7'
  | 'AE-8'
  | 'DT-1'
  | 'DT-2'
  | 'AR-1'
  | 'AR-2'
  | 'AR-3'
  | 'AR-4'
  | 'AR-5'
  | 'AR-6'
  | 'AR-7'
  | 'AR-8'
  | 'AR-9'
  | 'AR-10'
  | 'AA-1'
  | 'AA-2'
  | 'AA-3'
  | 'AA-4'
  | 'AA-5'
  | 'AA-6'
  | 'AA-7'
  | 'AA-8'

export type Role = 'requestor' | 'acceptor'

export interface Transition {
  readonly action: Action
  readonly next: State
}

type Row = Partial<Record<State, Action>>

/** One row an event; the states in which every unexpected PDU is answered alike are filled in by `inOpenStates`. */
const TABLE: Readonly<Record<Event, Row>> = {
  'associate-request': { Sta1: 'AE-1' },
  'transport-confirm': { Sta4: 'AE-2' },
  'associate-ac': { ...inOpenStates('AA-8'), Sta2: 'AA-1', Sta5: 'AE-3', Sta13: 'AA-6' },
  'associate-rj': { ...inOpenStates('AA-8'), Sta2: 'AA-1', Sta5: 'AE-4', Sta13: 'AA-6' },
  'transport-indication': { Sta1: 'AE-5' },
  'associate-rq': { ...inOpenStates('AA-8'), Sta2: 'AE-6', Sta13: 'AA-7' },
  accept: { Sta3: 'AE-7' },
  reject: { Sta3: 'AE-8' },
  'data-request': { Sta6: 'DT-1', Sta8: 'AR-7' },
  'data-pdu': { ...inOpenStates('AA-8'), Sta2: 'AA-1', Sta6: 'DT-2', Sta7: 'AR-6', Sta13: 'AA-6' },
  'release-request': { Sta6: 'AR-1' },
  'release-rq': { ...inOpenStates('AA-8'), Sta2: 'AA-1', Sta6: 'AR-2', Sta7: 'AR-8', Sta13: 'AA-6' },
  'release-rp': {
    ...inOpenStates('AA-8'),
    Sta2: 'AA-1',
    Sta7: 'AR-3',
    Sta10: 'AR-10',
    Sta11: 'AR-3',
    Sta13: 'AA-6',
  },
  'release-response': { Sta8: 'AR-4', Sta9: 'AR-9', Sta12: 'AR-4' },
  'abort-request': { ...inOpenStates('AA-1'), Sta4: 'AA-2' },
  'abort-pdu': { ...inOpenStates('AA-3'), Sta2: 'AA-2', Sta13: 'AA-2' },
  'transport-closed': { ...inOpenStates('AA-4'), Sta2: 'AA-5', Sta4: 'AA-4', Sta13: 'AR-5' },
  'artim-expired': { Sta2: 'AA-2', Sta13: 'AA-2' },
  'invalid-pdu': { ...inOpenStates('AA-8'), Sta2: 'AA-1', Sta13: 'AA-7' },
}

// AR-8 is the only action whose next state depends on the role, DT-2 and AR-6 the only ones that stay where they are.
const NEXT: Readonly<Record<Exclude<Action, 'AR-8'>, State>> = {
  'AE-1': 'Sta4',
  'AE-2': 'Sta5',
  'AE-3': 'Sta6',
  'AE-4': 'Sta1',
  'AE-5': 'Sta2',
  'AE-6': 'Sta3',
  'AE-7': 'Sta6',
  'AE-8': 'Sta13',
  'DT-1': 'Sta6',
  'DT-2': 'Sta6',
  'AR-1': 'Sta7',
  'AR-2': 'Sta8',
  'AR-3': 'Sta1',
  'AR-4': 'Sta13',
  'AR-5': 'Sta1',
  'AR-6': 'Sta7',
  'AR-7': 'Sta8',
  'AR-9': 'Sta11',
  'AR-10': 'Sta12',
  'AA-1': 'Sta13',
  'AA-2': 'Sta1',
  'AA-3': 'Sta1',
  'AA-4': 'Sta1',
  'AA-5': 'Sta1',
  'AA-6': 'Sta13',
  'AA-7': 'Sta13',
  'AA-8': 'Sta13',
}

/** What to do and where to go, undefined for a blank cell of Table 9-10. */
export function transition(state: State, event: Event, role: Role): Transition | undefined {
  const action = TABLE[event][state]
  if (action === undefined) return undefined
  if (action === 'AR-8') return { action, next: role === 'requestor' ? 'Sta9' : 'Sta10' }
  return { action, next: NEXT[action] }
}

/** Sta3 and Sta5 to Sta12: there is an association, or one is being made. */
function inOpenStates(action: Action): Row {
  const open: readonly State[] = ['Sta3', 'Sta5', 'Sta6', 'Sta7', 'Sta8', 'Sta9', 'Sta10', 'Sta11', 'Sta12']
  return Object.fromEntries(open.map((state) => [state, action]))
}
