const jobUsage = `  --isolation MODE[,MODE]     what a job may ask for, sandbox or host, the default first (default sandbox). A sandbox sees the host's programs and none
                              of its data, has no privileges, and no network but a loopback; a host job sees what its user sees
  --network MODE[,MODE]       what a sandbox may reach, none or host, the default first (default none)
  --bind SOURCE[:TARGET][:rw] a path of this host that a sandbox may ask for, with all below it; read-only without :rw. May be given again;
                              in WORKER_BIND several are separated by commas
  --run-as USER[:GROUP]       whom jobs run as; only as root. Default: as root each job has a user id of its own, else the server's user
  --job-uids FIRST-LAST       the user ids that jobs of a root server get (default 1880000000-1880065535)
  --cgroup auto|none|PATH     where the cgroups of jobs are made: below the server's own, nowhere, or below PATH (default auto)
  --enforcement HOW           require: what this host cannot enforce is refused (the default); best-effort: it is done as far as it goes, and the
                              job names what was not

  The most a job may ask for, which is also what it gets when it does not ask; none: no ceiling. A sandbox has, unless told otherwise,
  80 % of the memory and 4096 processes.
  --max-memory SIZE           memory of its whole process tree
  --max-processes N           processes and threads
  --max-cpus N                processors that it may keep busy, such as 1.5
  --max-wall-time TIME        such as 1h
  --max-open-files N          open files of each process
  --max-file-size SIZE        the longest file a process may write
  --max-io-read SIZE          bytes a second read from each block device
  --max-io-write SIZE         bytes a second written to each block device
  --max-output SIZE           bytes of output kept
  --default-output-bytes SIZE bytes of output kept of a job that asks for no limit (default 4GiB)

  --compress-output-after TIME  so long after a job's end its output is compressed, where that wins a fifth; never: not at all (default 5m)
`;

export const usage = `worker-server: runs commands for the clients that its CA vouches for

  worker-server [--listen 127.0.0.1:7443] [--state-dir .worker] [--ca F --cert F --key F] [FLAGS]
  worker-server doctor [-o text|json] [FLAGS]      what this host can enforce, and what gives the rest; runs no server
  worker-server inspect FILE|JOBDIR [-o text|json] [--print stdout|stderr|both]
                                                   reads the output of one job from the disk, and says whether it is whole; needs no server

  --listen HOST:PORT          where to listen; port 0 takes a free one (default 127.0.0.1:7443)
  --state-dir DIR             where jobs and their output are kept (default .worker)
  --ca FILE                   the CA of the clients, PEM (default certs/ca.crt)
  --cert FILE                 the server's certificate, PEM (default certs/server.crt)
  --key FILE                  its key, PEM, readable by its owner alone (default certs/server.key)
  --stop-jobs-on-exit         end the running jobs when the server shuts down; without it they run on
  --help, --version

Jobs:
${jobUsage}
Each flag is a variable, too: WORKER_LISTEN for --listen, WORKER_STOP_JOBS_ON_EXIT=1 for a switch.
Prints one line, "ready https://HOST:PORT", when it accepts connections; logs lines of JSON on stderr.
SIGTERM or SIGINT shuts down within 5 s; a second one at once.
Exits with 0; 1 when it cannot start or fails; 2 for a mistake in the command line. doctor: 0 when what the flags ask for can be enforced, else 1.
inspect: 0 when the output is whole, declared gaps included, 1 when it is damaged, 2 when there is none.
`;
