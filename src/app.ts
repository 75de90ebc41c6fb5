import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureAdminToken } from './admin/admin-token.ts'
import { createMetrics } from './admin/metrics.ts'
import { createAdminServer } from './admin/server.ts'
import { describePort } from './api/description.ts'
import { addHealth } from './api/health.ts'
import { addPage } from './api/page-route.ts'
import { addRetrieval } from './api/routes.ts'
import { asSet } from './app/as-set.ts'
import { associationEvents } from './app/association-events.ts'
import { deliveryParts } from './app/deliveries.ts'
import { DeclaredDestinations } from './app/destinations.ts'
import { DimsePorts, type OpenDimsePorts } from './app/dimse-ports.ts'
import { dropFolders } from './app/drop-folders.ts'
import { GoneDestinations } from './app/gone-destinations.ts'
import { Health } from './app/health.ts'
import { Moments } from './app/moments.ts'
import { BULK_FOLDER, LEDGER_FILE, NODE, SPOOL_FOLDER } from './app/names.ts'
import { RuleCounts } from './app/rule-counts.ts'
import { rulesetSource } from './app/ruleset-source.ts'
import { declaredServices, serviceProblems } from './app/services.ts'
import { shadowSource } from './app/shadow-source.ts'
import { ownVersion } from './app/version.ts'
import { type Clock, ms, systemClock } from './base/clock.ts'
import { idsFrom } from './base/id.ts'
import type { Log } from './base/log.ts'
import { random } from './base/random.ts'
import { writeWhole } from './base/whole-file.ts'
import { Dispatchers } from './deliver/dispatchers.ts'
import type { AeTitle } from './dicom/ae-title.ts'
import type { SopClassUid } from './dicom/uid.ts'
import type { StoreHandler } from './dimse/handler.ts'
import { createListener } from './http/listener.ts'
import { describeApi } from './http/openapi.ts'
import { CallerGate } from './ingest/caller-gate.ts'
import { createDimseDoor } from './ingest/dimse-door.ts'
import { FolderDoor } from './ingest/folder-door.ts'
import { addStowDoor } from './ingest/stow-door.ts'
import { addUploadDoor } from './ingest/upload-door.ts'
import { lockDirectory } from './ledger/sqlite/directory-lock.ts'
import { openSqliteLedger } from './ledger/sqlite/open.ts'
import { Planner } from './plan/planner.ts'
import { LedgerQueue } from './queue/queue.ts'
import { RulesInForce } from './reload.ts'
import { httpCallerAt, httpChangedAt, judgeCaller } from './rules/caller.ts'
import { destinationOfPair } from './rules/relay-pair.ts'
import { type Environment, freeBytesLeast } from './settings/settings.ts'
import type { Settings } from './settings/table.ts'
import { DiskBlobStore } from './spool/disk-blob-store.ts'
import { recoverSpool } from './spool/recovery.ts'
import { Spool } from './spool/spool.ts'

export interface AppOptions {
  readonly settings: Settings
  readonly environment: Environment
  readonly log: Log
  /** The system's unless told otherwise. */
  readonly clock?: Clock
}

/** Where the doors ended up: what port 0 became. */
export interface OpenPorts extends OpenDimsePorts {
  readonly httpPort: number
  readonly adminPort: number
}

/** The whole of Kurir. Disposing it closes the doors first and the ledger last. */
export interface App extends AsyncDisposable {
  /** Recovers, starts everything upward and opens the doors. */
  start(): Promise<OpenPorts>
  /** Reads the rules and the files of TLS again, as SIGHUP asks. */
  reload(): void
  /** Resolves when only another process can go on: a thread of the ledger has died, and what is taken could not be sent. */
  readonly broken: Promise<void>
}

/** A body may take hours as long as it keeps coming, and an answer may be waited for. */
const INTEGRATOR_LIMITS = { stream: ms(14_400_000), silence: ms(900_000) }
/** Bytes of a body that is read whole. */
const INTEGRATOR_BODY = 1_048_576

const PLAYGROUND = fileURLToPath(new URL('../node_modules/.cache/kurir/playground', import.meta.url))

/**
 * Wires every room, once, in the order of the data flow backwards: what others stand on comes first. Long, because it is one
 * straight line.
 *
 * @throws KurirError `data-directory-locked`, `invalid-rules`, `ledger-newer`, `sqlite-too-old`, `disk-io`, `disk-full`
 */
export async function createApp({ settings, environment, log, clock = systemClock }: AppOptions): Promise<App> {
  await using unwinding = new AsyncDisposableStack()
  const stopping = new AbortController()
  const newId = idsFrom(clock)
  const dataDir = path.resolve(settings.dataDir)
  const inData = (name: string): string => path.join(dataDir, name)
  await asSet('KURIR_DATA_DIR', mkdir(dataDir, { recursive: true, mode: 0o700 }))
  unwinding.use(lockDirectory(dataDir))
  // One that was killed left it behind, and its process id may be anybody's by now.
  await rm(inData('ready.json'), { force: true })

  // The record, the shelves.
  const broken = Promise.withResolvers<void>()
  const onDeath = (): void => {
    log.error('ledger-thread-died', { code: 'internal' })
    broken.resolve()
  }
  const ledger = unwinding.use(await openSqliteLedger({ file: inData(LEDGER_FILE), node: NODE, clock, onDeath }))
  const rules = unwinding.use(await RulesInForce.open({ folder: settings.rulesDir, environment, ledger, clock, log }))
  const ruleset = () => rules.current.ruleset
  const kept = (digest: string) => rules.kept(digest)
  const store = unwinding.use(await DiskBlobStore.open({ folder: inData(SPOOL_FOLDER), node: NODE, newId }))
  const spool = unwinding.use(new Spool({ store, ledger, newId, clock, log, freeMin: settings.spoolFreeMin }))
  const queue = unwinding.use(new LedgerQueue({ ledger, clock, log, random, claimant: newId() }))

  // What runs between them.
  const metrics = unwinding.use(createMetrics())
  const timeouts = {
    connect: settings.connectTimeout,
    acse: settings.acseTimeout,
    dimse: settings.dimseTimeout,
    network: settings.networkTimeout,
  }
  const [callingAe = 'KURIR' as AeTitle] = settings.aeTitles
  const declared = () => new Map([...ruleset().destinations].map(([name, { destination }]) => [name, destination]))
  const parts = deliveryParts({ clock, newId, timeouts, callingAe })
  const dispatchers = unwinding.use(
    new Dispatchers({
      ...parts,
      queue,
      ledger,
      blobs: store,
      destinations: declared,
      clock,
      log,
      meter: metrics,
      random,
    }),
  )
  const services = unwinding.use(declaredServices({ ruleset, clock, random, log, meter: metrics }))
  const counts = new RuleCounts(clock)
  const counted = counts.over({ queue, ledger })
  const moments = unwinding.use(new Moments({ ledger: counted.ledger, services, ruleset, kept, clock, random, log }))
  const { associations } = moments
  const planner = unwinding.use(
    new Planner({ spool, queue: counted.queue, ledger, wakes: ledger.wakes, ruleset, associations, clock, log }),
  )
  const gone = unwinding.use(new GoneDestinations({ ledger, declared: () => new Set(declared().keys()), clock, log }))
  rules.onChange(() => {
    void dispatchers.reconfigure().then(() => gone.sweep())
    services.reconfigure()
    moments.rulesChanged()
    ledger.wakes.wake('plan')
  })

  const folders = dropFolders(settings)
  const folderDoor = unwinding.use(
    new FolderDoor({ spool, clock, log, folders, settle: settings.dropSettle, meter: metrics }),
  )

  // Who looks.
  const version = ownVersion()
  const health = new Health({
    version,
    startedAt: clock.now(),
    store,
    freeLeast: (totalBytes) => freeBytesLeast(settings.spoolFreeMin, totalBytes),
    doors: () => [...spool.problems, ...folderDoor.problems, ...dimse.problems(clock.now())],
    services: () => serviceProblems(services.states()),
    rules: () => ({ inForce: rules.current, problems: rules.problems }),
  })
  const admin = unwinding.use(
    await createAdminServer(
      { host: settings.adminHost, port: settings.adminPort, playgroundDir: PLAYGROUND },
      {
        ledger,
        destinations: new DeclaredDestinations(declared, dispatchers),
        rulesets: rulesetSource(rules, counts),
        services,
        shadows: shadowSource(inData(LEDGER_FILE), environment),
        health,
        clock,
        log,
        newId,
        metrics,
      },
    ),
  )

  // Who comes in.
  const gate = new CallerGate({
    judge: (caller) => judgeCaller(ruleset().callers, caller),
    calledTitles: settings.acceptAnyCalledAe ? undefined : settings.aeTitles,
    ledger,
    log,
  })
  const door = createDimseDoor({ spool, clock, log, meter: metrics, onChanged: (caller) => gate.onChanged(caller) })
  const dimse = unwinding.use(
    await DimsePorts.create(settings, {
      log,
      clock,
      newId,
      handlers: { stores: new Map<SopClassUid, StoreHandler>(), storage: door },
      admit: (proposal) => gate.admit(proposal),
      events: associationEvents(log, metrics, associations),
    }),
  )

  const integrators = unwinding.use(
    createListener(
      { host: settings.httpHost, port: settings.httpPort, bodyLimit: INTEGRATOR_BODY, correlation: 'callers' },
      { clock, log, newId, limits: { ...INTEGRATOR_LIMITS, drain: settings.stopTimeout } },
    ),
  )
  integrators.server.addHook('onRequest', async (request, reply) => {
    associations.opened(request.id)
    reply.raw.once('close', () => associations.closed(request.id))
  })
  await describeApi(integrators.server, describePort(version))
  await addPage(integrators.server)
  const callerAt = (peer: string) => httpCallerAt(ruleset().callers, peer)
  const onChangedAt = (peer: string) => httpChangedAt(ruleset().callers, peer)
  await addStowDoor(integrators.server, {
    spool,
    ledger,
    callerAt,
    onChangedAt,
    clock,
    log,
    meter: metrics,
    relay: {
      clock,
      views: ledger.views,
      wakes: ledger.wakes,
      destinationOf: ({ callingAe, calledAe }) =>
        destinationOfPair(ruleset().destinations, callingAe, calledAe, settings.aeTitles[0]),
    },
    bulkRoom: { folder: inData(BULK_FOLDER), newId, expectRoom: () => spool.expectRoom() },
  })
  const uploads = {
    spool,
    ledger,
    callerAt,
    onChangedAt,
    clock,
    log,
    meter: metrics,
    newId,
    folder: inData(BULK_FOLDER),
  }
  await addUploadDoor(integrators.server, uploads)
  addHealth(integrators.server, { version, isReady: async () => (await health.report()).ready })
  await addRetrieval(integrators.server, { ledger, spool, callerAt, newId })

  const start = async (): Promise<OpenPorts> => {
    await recoverSpool({ store, ledger, log })
    await ensureAdminToken(ledger, dataDir)
    await queue.start(stopping.signal)
    await dispatchers.start(stopping.signal)
    await gone.sweep()
    await planner.start(stopping.signal)
    await moments.start(stopping.signal)
    rules.watch()
    const adminPort = await asSet('KURIR_ADMIN_HOST and KURIR_ADMIN_PORT', admin.listen())
    const dimsePorts = await dimse.listen()
    const httpPort = await asSet('KURIR_HTTP_HOST and KURIR_HTTP_PORT', integrators.listen())
    await folderDoor.start(stopping.signal)
    health.doorsOpen = true
    const ports = { ...dimsePorts, httpPort, adminPort }
    const ready = { ...ports, pid: process.pid }
    await writeWhole(inData('ready.json'), `${JSON.stringify(ready)}\n`)
    log.info('ready', { ...ready, version })
    return ports
  }

  // Stopping begins here, upward in these lines. Both sides at once, so that it takes no longer than the slower; what still
  // comes in is decided after a restart. Whatever of it fails, the rest is stopped.
  unwinding.defer(async () => {
    const sent = planner[Symbol.asyncDispose]().then(() => dispatchers[Symbol.asyncDispose]())
    const doors = [dimse[Symbol.asyncDispose](), integrators[Symbol.asyncDispose](), folderDoor[Symbol.asyncDispose]()]
    for (const end of await Promise.allSettled([...doors, sent])) if (end.status === 'rejected') throw end.reason
  })
  unwinding.defer(() => rm(inData('ready.json'), { force: true }))
  const running = unwinding.move()
  return {
    start,
    reload: () => {
      rules.reload({ name: 'signal' }).catch(() => log.error('rules-reload-failed'))
      dimse.renewTls().catch(() => log.error('tls-files-refused'))
    },
    broken: broken.promise,
    async [Symbol.asyncDispose]() {
      health.doorsOpen = false
      stopping.abort()
      await running.disposeAsync()
      log.info('stopped')
    },
  }
}
