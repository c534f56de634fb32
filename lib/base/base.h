/* SPDX-License-Identifier: BSD-2-Clause
 * What every part stands on: checked arithmetic, small helpers, compiler facts. */
#ifndef CZ_BASE_BASE_H
#define CZ_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <colorizer/colorizer.h> /* status codes */

/** Every block the library lays out begins at a multiple of this many bytes: one cache line, one AVX-512 vector. */
#define CZ_ALIGN 64u

#define CZ_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline size_t cz_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t cz_max(size_t a, size_t b) { return a > b ? a : b; }

/** ceil(a / b); b > 0, no overflow for any a. */
static inline size_t cz_ceil_div(size_t a, size_t b) { return a / b + (a % b != 0); }

/** *out = a + b; false when it does not fit. */
static inline bool cz_add(size_t a, size_t b, size_t *out) {
    *out = a + b;
    return *out >= a;
}

/** *out = a * b; false when it does not fit. */
static inline bool cz_mul(size_t a, size_t b, size_t *out) {
    *out = a * b;
    return a == 0 || *out / a == b;
}

/** Rounds *size up to a multiple of CZ_ALIGN; false when it does not fit. */
static inline bool cz_align_up(size_t size, size_t *out) {
    if (!cz_add(size, CZ_ALIGN - 1, out)) return false;
    *out &= ~(size_t)(CZ_ALIGN - 1);
    return true;
}

/** Appends a block of count * item bytes to a layout whose end is *end, aligned to CZ_ALIGN; *offset is where it
 *  begins. The one way by which blocks are laid out: sizing and filling run the same calls. */
static inline bool cz_layout(size_t *end, size_t count, size_t item, size_t *offset) {
    size_t bytes;
    if (!cz_align_up(*end, offset) || !cz_mul(count, item, &bytes)) return false;
    return cz_add(*offset, bytes, end);
}

#endif
