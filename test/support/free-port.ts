export { freePort } from '../../apps/wal-listener/src/demo/free-port.js';
