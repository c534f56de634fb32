/* SPDX-License-Identifier: BSD-2-Clause */
#include "plan/arena.h"

/** Block a goes before block b: those of long life first, then larger ones, then those born first, so that the result
 *  has one order only. */
static bool before(const cz_block *a, const cz_block *b, size_t life) {
    const bool a_long = a->last - a->first > life, b_long = b->last - b->first > life;
    if (a_long != b_long) return a_long;
    return a->bytes != b->bytes ? a->bytes > b->bytes : a->first < b->first;
}

/** Heap sort by before(): in place, no recursion, no quadratic case for a hostile model. */
static void sift(const cz_block *blocks, size_t life, uint32_t *order, size_t root, size_t count) {
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && before(&blocks[order[child]], &blocks[order[child + 1]], life)) child++;
        if (!before(&blocks[order[root]], &blocks[order[child]], life)) return;
        const uint32_t swap = order[root];
        order[root] = order[child];
        order[child] = swap;
    }
}

static void sort(const cz_block *blocks, size_t life, uint32_t *order, size_t count) {
    for (size_t i = count / 2; i-- > 0;) sift(blocks, life, order, i, count);
    for (size_t end = count; end-- > 1;) {
        const uint32_t swap = order[0];
        order[0] = order[end];
        order[end] = swap;
        sift(blocks, life, order, 0, end);
    }
}

static bool overlap(const cz_block *a, const cz_block *b) { return a->first <= b->last && b->first <= a->last; }

/** Lowest offset free for `block` among the `placed` blocks, which `order` lists by rising offset. */
static bool lowest_gap(const cz_block *blocks, const uint32_t *order, size_t placed, cz_block *block) {
    size_t offset = 0, end;
    for (size_t i = 0; i < placed; i++) {
        const cz_block *other = &blocks[order[i]];
        if (!overlap(block, other)) continue;
        if (!cz_add(offset, block->bytes, &end)) return false;
        if (end <= other->offset) break;
        if (!cz_add(other->offset, other->bytes, &end) || !cz_align_up(end, &end)) return false;
        offset = cz_max(offset, end);
    }
    block->offset = offset;
    return true;
}

/** Moves order[at] down so that order[0..at] rises in offset. */
static void insert_by_offset(const cz_block *blocks, uint32_t *order, size_t at) {
    const uint32_t moved = order[at];
    while (at > 0 && blocks[order[at - 1]].offset > blocks[moved].offset) {
        order[at] = order[at - 1];
        at--;
    }
    order[at] = moved;
}

bool cz_arena_place(cz_block *blocks, size_t count, size_t life, uint32_t *order, size_t *total) {
    *total = 0;
    for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
    sort(blocks, life, order, count);
    for (size_t i = 0; i < count; i++) {
        cz_block *block = &blocks[order[i]];
        size_t end;
        if (!lowest_gap(blocks, order, i, block) || !cz_add(block->offset, block->bytes, &end)) return false;
        *total = cz_max(*total, end);
        insert_by_offset(blocks, order, i);
    }
    return cz_align_up(*total, total);
}
