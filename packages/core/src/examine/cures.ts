import type { Attempt, Controller, ControllerName } from './host-abilities.ts';
import type { Surroundings } from './surroundings.ts';

const EINVAL = 22;
const ENOSPC = 28;
// Such a namespace is made for nothing: what an ordinary user lacks for a sandbox, the supervisor makes by itself.
const OUTSIDE = 'start the server outside of this user namespace, as the ordinary user that it is: it makes those of its jobs by itself';
const RUN_AS_ROOT = 'run the server as root, or let jobs ask for mode host';

/** What gives a sandbox to a host that makes none. */
export function sandboxCure(failed: Attempt, host: Surroundings): string {
  if (host.isRoot && host.forbidsGroups === true) return OUTSIDE;
  if (host.container !== undefined) return containerCure(host, failed.stage.includes('proc'));
  // Root makes no user namespace, so the switches below do not stop it, but for the count.
  if (host.maxUserNamespaces === 0 || (failed.errno === ENOSPC && failed.stage.includes('user')))
    return sysctlCure('user.max_user_namespaces', 15_000);
  if (host.isRoot)
    return 'give the server CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID and CAP_KILL: remove CapabilityBoundingSet= and RestrictNamespaces= from its unit';
  if (host.unprivilegedUsernsClone === 0) return sysctlCure('kernel.unprivileged_userns_clone', 1);
  if (host.apparmorRestrictsUserns === 1) return apparmorCure(host.supervisorPath);
  if (host.hasSystemd) return `remove RestrictNamespaces= and SystemCallFilter= from the server's unit, or ${RUN_AS_ROOT}`;
  return RUN_AS_ROOT;
}

/** What gives network namespaces to a host that makes none. */
export function networkCure(failed: Attempt, host: Surroundings): string {
  if (host.maxNetNamespaces === 0 || failed.errno === ENOSPC) return sysctlCure('user.max_net_namespaces', 15_000);
  return sandboxCure(failed, host);
}

/** What lets jobs run as a user that the server is told. */
export function runAsCure({ stage, errno }: Attempt, host: Surroundings): string {
  if (host.forbidsGroups === true) return OUTSIDE;
  if (errno === EINVAL)
    return 'name a user whose ids, groups included, exist in this user namespace, as /proc/self/uid_map and gid_map tell them';
  const capability = stage === 'setresuid' ? 'CAP_SETUID' : 'CAP_SETGID';
  return host.container === undefined
    ? `give the server ${capability}: remove CapabilityBoundingSet= from its unit`
    : `${runCommand(host)} --cap-add ${capability.slice(4)} …`;
}

/** What gives jobs of a root server user ids of their own. */
export function ownUidCure(host: Surroundings): string {
  if (!host.isRoot) return 'run the server as root';
  if (host.forbidsGroups === true) return OUTSIDE;
  const { mappedUids } = host;
  // In a container without a range as large as the default one lies beyond what is mapped.
  if (mappedUids !== undefined && mappedUids.last < 1_880_000_000 && mappedUids.last - mappedUids.first >= 1000) {
    const last = mappedUids.last - 1;
    return `give the jobs user ids that exist here: --job-uids ${Math.max(mappedUids.first, last - 9_999)}-${last}`;
  }
  if (host.container !== undefined)
    return `${runCommand(host)} --cap-add SETUID --cap-add SETGID --cap-add CHOWN --cap-add KILL …; or name one user for all jobs: --run-as USER`;
  return 'give the server CAP_SETUID, CAP_SETGID, CAP_CHOWN and CAP_KILL; or name one user for all jobs: --run-as USER';
}

/** What gives a cgroup controller to a server that has none. */
export function controllerCure(name: ControllerName, { errno }: Controller, host: Surroundings, cgroup: string): string {
  const ENOENT = 2;
  if (cgroup === 'none') return 'start the server without --cgroup none';
  if (host.container !== undefined) return `${runCommand(host)} --privileged --cgroupns private …`;
  if (host.hasSystemd && !host.isRoot) return userDelegation(name);
  if (host.hasSystemd) return "systemctl edit worker-server, add the lines '[Service]' and 'Delegate=yes', and restart it";
  if ((name === 'io' || name === 'kill') && errno === ENOENT)
    return 'use cgroup v2: boot with systemd.unified_cgroup_hierarchy=1, or mount -t cgroup2 none /sys/fs/cgroup';
  if (name === 'memory' && errno === ENOENT) return 'boot with cgroup_enable=memory swapaccount=1';
  if (!host.isRoot)
    return 'mkdir /sys/fs/cgroup/worker && chown -R USER /sys/fs/cgroup/worker as root, and start the server in it with --cgroup /sys/fs/cgroup/worker';
  return 'mount -t cgroup2 none /sys/fs/cgroup, writable, before the server starts';
}

// A user's own systemd hands memory and pids on as it is; the others have to be handed to it first.
function userDelegation(name: ControllerName): string {
  const run = 'systemd-run --user --scope -p Delegate=yes worker-server …';
  if (name !== 'cpu' && name !== 'io') return run;
  return (
    `mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' > /etc/systemd/system/user@.service.d/delegate.conf` +
    ` && systemctl daemon-reload as root, log in anew, then ${run}`
  );
}

function containerCure(host: Surroundings, procIsMasked: boolean): string {
  if (host.container === 'kubernetes')
    return "set securityContext of the container to 'privileged: true', or to 'capabilities: {add: [SYS_ADMIN]}', 'seccompProfile: {type: Unconfined}' and 'procMount: Unmasked'";
  const flags = [
    ...(host.isRoot ? ['--cap-add SYS_ADMIN'] : []),
    '--security-opt seccomp=unconfined',
    '--security-opt apparmor=unconfined',
    ...(procIsMasked || !host.isRoot
      ? [host.container === 'podman' ? '--security-opt unmask=ALL' : '--security-opt systempaths=unconfined']
      : []),
  ];
  const outside =
    host.apparmorRestrictsUserns === 1 && !host.isRoot
      ? `; on the host: ${sysctlCure('kernel.apparmor_restrict_unprivileged_userns', 0)}`
      : '';
  return `${runCommand(host)} ${flags.join(' ')} …${outside}`;
}

function runCommand({ container }: Surroundings): string {
  return container === 'podman' ? 'podman run' : 'docker run';
}

// A profile of its own is what Ubuntu asks programs for; the switch would open namespaces to every program.
function apparmorCure(path: string): string {
  const profile = `abi <abi/4.0>,\\nprofile worker-supervisor "${path}" flags=(unconfined) {\\n  userns,\\n}\\n`;
  return (
    `printf '${profile}' > /etc/apparmor.d/worker-supervisor && apparmor_parser -r /etc/apparmor.d/worker-supervisor as root` +
    '; or, for every program: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0'
  );
}

function sysctlCure(name: string, value: number): string {
  return `echo '${name} = ${value}' > /etc/sysctl.d/90-worker.conf && sysctl --system as root`;
}
