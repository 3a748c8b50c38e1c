export const usage = `worker-server: runs commands for the clients that its CA vouches for

  worker-server [--listen 127.0.0.1:7443] [--state-dir .worker] [--ca F --cert F --key F]

  --listen HOST:PORT          where to listen; port 0 takes a free one (WORKER_LISTEN, default 127.0.0.1:7443)
  --state-dir DIR             where jobs and their output are kept (WORKER_STATE_DIR, default .worker)
  --ca FILE                   the CA of the clients, PEM (WORKER_CA, default certs/ca.crt)
  --cert FILE                 the server's certificate, PEM (WORKER_CERT, default certs/server.crt)
  --key FILE                  its key, PEM, readable by its owner alone (WORKER_KEY, default certs/server.key)
  --default-output-bytes N    bytes of output kept of a job that asks for no limit (WORKER_DEFAULT_OUTPUT_BYTES, default 4294967296)
  --stop-jobs-on-exit         end the running jobs when the server shuts down (WORKER_STOP_JOBS_ON_EXIT=1); without it they run on
  --help, --version

Prints one line, "ready https://HOST:PORT", when it accepts connections; logs lines of JSON on stderr.
SIGTERM or SIGINT shuts down within 5 s; a second one at once.
`;
