/* SPDX-License-Identifier: BSD-2-Clause
 * One loop over a plan's steps. */
#ifndef CZ_RUN_RUN_H
#define CZ_RUN_RUN_H

#include "plan/plan.h"
#include "run/exec.h"

/** Told the share of the plan's work done, 0..1, on the calling thread; non-zero cancels. */
typedef int32_t (*cz_progress_fn)(void *user, float done);

/** Computes a plan's tensors. The inputs must be in the arena before; outputs are there after.
 *  @param arena plan->arena_bytes, aligned to CZ_ALIGN.
 *  @param x at most plan->threads threads.
 *  @return false when cancelled: the arena's contents are then unspecified. */
bool cz_run(const cz_plan *plan, void *arena, const cz_exec *x, cz_progress_fn progress, void *user);

#endif
