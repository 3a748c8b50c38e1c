// Attempts at something that the test names.
#ifndef SUBJECTS_H
#define SUBJECTS_H

#include "probe.h"

attempt_fn read_file, list_directory, connect_path, connect_abstract, connect_tcp, send_udp, run_setuid, run_filecap, attach_shm, share_namespace;

// Prints the effective and permitted capabilities, the face with which a copy of the probe shows what file capabilities gave it.
int show_capabilities(void);

#endif
