/** What `--help` prints; fits a terminal of 80 columns. */
export const HELP = `wal-listener publishes every change of a PostgreSQL database to NATS JetStream,
Apache Kafka, RabbitMQ, Google Pub/Sub or standard output, losing nothing.

Usage: wal-listener [command] [options]

Commands:
  run          stream changes until told to stop (the default)
  check        look at configuration, database and broker, change nothing, and
               print what must or should be mended, with the SQL that does it
  healthcheck  ask the service that runs on this machine with the same
               configuration whether it is alive (for Docker's HEALTHCHECK)
  demo         start a throw-away PostgreSQL, make changes and show the events
  help         print this
  version      print version and commit

Options:
  -c, --config PATH  run, check, healthcheck: YAML configuration file
                     (default: $WAL_CONFIG, else ./config.yml when it exists)
      --json         check: print the findings as JSON
      --once         demo: one round, then end
  -v, --version      print version and commit
  -h, --help         print this

Configuration:
  Every key can be set by an environment variable: listener.slotName is
  WAL_LISTENER_SLOT_NAME; a variable ending in _FILE names a file with the
  value. The environment wins over ./.env, which wins over the YAML file.

Signals:
  SIGTERM, SIGINT  stop after what is in flight is acknowledged, at the latest
                   after shutdownTimeout; a second one ends at once
  SIGUSR2          write a heap snapshot to heapSnapshotDir, when that is set;
                   it holds rows and secrets

Exit codes:
  0  stopped on request; check: nothing stands in the way of streaming;
     healthcheck: alive, or listener.serverPort is off
  1  fatal error; check: something must be mended; healthcheck: not alive
  2  fault in the configuration or on the command line

Documentation (README.md and docs/ of the project):
  docs/configuration.md  every key, its variable and default
  docs/brokers.md        what each broker guarantees and needs
  docs/operations.md     alerts, and what to do about them
  docs/errors.md         every error code: cause and remedy
`;
