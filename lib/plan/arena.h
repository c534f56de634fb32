/* SPDX-License-Identifier: BSD-2-Clause
 * Placing tensors of known lifetimes in one arena. */
#ifndef CZ_PLAN_ARENA_H
#define CZ_PLAN_ARENA_H

#include "base/base.h"

/** A block of `bytes` that must keep its contents from step `first` to step `last`, both included. */
typedef struct cz_block {
    size_t bytes;
    size_t first, last;
    size_t offset; /* the result */
} cz_block;

/** Gives every block an offset, a multiple of CZ_ALIGN, so that no two blocks alive at the same step overlap.
 *  Largest first, each at the lowest offset that is free for its whole life (Pisarchyk & Lee, "Efficient Memory
 *  Management for Deep Neural Net Inference", 2020, greedy by size), those that live for more than `life` steps before
 *  all others.
 *  @param order scratch of `count` indices.
 *  @param total the arena's size.
 *  @return false when a sum does not fit size_t. */
bool cz_arena_place(cz_block *blocks, size_t count, size_t life, uint32_t *order, size_t *total);

#endif
