// Preloaded into npm: tells it the version of the Node that will run what it installs, which is the pinned one and not
// the one that runs npm. An npm that runs on Node 18 would leave out native parts (all optional) that want Node 20.
const { packages } = require('../../package-lock.json')

const pinned = packages[`node_modules/node-linux-${process.arch}`]?.version
if (pinned !== undefined) Object.defineProperty(process, 'version', { value: `v${pinned}` })
