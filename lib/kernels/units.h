/* SPDX-License-Identifier: BSD-2-Clause
 * How the work of the memory-bound kernels is cut. */
#ifndef CZ_KERNELS_UNITS_H
#define CZ_KERNELS_UNITS_H

#include "kernels/table.h"

#include <string.h>

/** About the elements of one unit: large enough that a unit costs more than handing it out, small enough to share. */
#define CZ_LIGHT_UNIT ((size_t)8192)

/** Rows of `length` elements that make one unit, at least 1. */
static inline size_t cz_rows_a_unit(size_t length) { return length >= CZ_LIGHT_UNIT ? 1 : CZ_LIGHT_UNIT / length; }

/** One unit is CZ_LIGHT_UNIT elements of the flat output. */
static inline bool cz_prepare_flat(cz_call *call) {
    call->units = cz_ceil_div(cz_elements(&call->out), CZ_LIGHT_UNIT);
    call->scratch = 0;
    return true;
}

/** The flat output elements *first .. *last - 1 of units begin .. end - 1. */
static inline void cz_flat_range(const cz_call *call, size_t begin, size_t end, size_t *first, size_t *last) {
    *first = begin * CZ_LIGHT_UNIT;
    *last = cz_min(end * CZ_LIGHT_UNIT, cz_elements(&call->out));
}

/** Product of the dimensions first .. last - 1. */
static inline size_t cz_product(const cz_shape *s, int first, int last) {
    size_t n = 1;
    for (int i = first; i < last; i++) n *= s->d[i];
    return n;
}

#endif
