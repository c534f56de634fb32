/* SPDX-License-Identifier: BSD-2-Clause
 * The library's own threads: a pool that sleeps when it has nothing to do. */
#ifndef CZ_RUN_POOL_H
#define CZ_RUN_POOL_H

#include "base/alloc.h"

typedef struct cz_pool cz_pool;

/** A pool in which `threads` threads work: the caller and threads - 1 of its own.
 *  NULL when memory or threads are not to be had, or the build has none. */
cz_pool *cz_pool_make(uint32_t threads, const cz_alloc *a);
/** Ends the threads and frees the pool; NULL does nothing. */
void cz_pool_free(cz_pool *pool, const cz_alloc *a);
/** A colorizer_runner_fn; `user` is the pool. One caller at a time. */
void cz_pool_run(void *pool, colorizer_task_fn task, void *context, uint32_t count);

#endif
