// Implements `chatd cluster status`: prints the servers of the cluster of --cluster, and its Redis.
#pragma once

#include "options.h"

namespace chatd {

// Prints to standard output. Returns the exit code: 0, or 1 when Redis cannot be read or knows no server. Faults go to standard error.
int print_cluster_status(const Options& options);

}  // namespace chatd
