/* SPDX-License-Identifier: BSD-2-Clause
 * Splitting work over threads: the library's pool, the host's runner, or none. */
#ifndef CZ_RUN_EXEC_H
#define CZ_RUN_EXEC_H

#include "base/base.h"

#include <stdatomic.h>

#define CZ_MAX_THREADS 64u

/** Work on units begin .. end - 1. `slot` is below the number of threads, and no two ranges run at once with the
 *  same slot: it picks the thread's scratch. */
typedef void (*cz_range_fn)(void *context, size_t begin, size_t end, uint32_t slot);

/** How to run work: set up once a handle, constant while a call runs. */
typedef struct cz_exec {
    colorizer_runner_fn runner; /* NULL: everything on the calling thread, in slot 0 */
    void *user;
    uint32_t threads;   /* 1 .. CZ_MAX_THREADS */
    atomic_int *cancel; /* non-zero: stop soon; may be NULL */
} cz_exec;

/** Calls fn on ranges that cover 0 .. units - 1, each unit once, in ranges of at most `grain` units (0: chosen from
 *  units and threads), taken by whichever thread is free. Which thread computes a unit cannot show in the result.
 *  @return false when cancelled: some units were then not run. */
bool cz_exec_for(const cz_exec *x, size_t units, size_t grain, cz_range_fn fn, void *context);

/** True once the call was asked to stop. */
bool cz_exec_cancelled(const cz_exec *x);

#endif
