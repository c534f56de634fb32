/* SPDX-License-Identifier: BSD-2-Clause
 * What depthwise.c, compiled once, and depthwise_rows.c, compiled for each instruction set, share. */
#ifndef CZ_KERNELS_DEPTHWISE_H
#define CZ_KERNELS_DEPTHWISE_H

#include "kernels/conv.h"

#define CZ_DEPTHWISE_TILE                                                                                              \
    ((size_t)8) /* pixels: sums in registers, beside the weights of one kernel row and an input                        \
                 */

/** A layer on one thread. */
typedef struct cz_depthwise {
    cz_conv c;
    const cz_epilogue *e;
    size_t line;          /* pixels of a line */
    const float *weights; /* [block][tap][16] */
    float *lines;         /* [block][kernel_h][line][16] */
    const float **taps;   /* [kernel_h] pointers into lines */
    float *sums;          /* [columns][16], of what cannot go straight to the output */
} cz_depthwise;

/** One row of outputs of one block of channels. */
typedef struct cz_depthwise_row {
    size_t pixel, count; /* number of the first output pixel; how many */
    size_t c, n;         /* channels c .. c + n - 1, n at most 16 */
    const float *lines;  /* of this block */
    size_t slot;         /* the line of the first kernel row; the others follow, round the lines */
    const float *ahead;  /* input row that the next output row will copy; NULL: none */
    float *out;
} cz_depthwise_row;

/** Sums, finishes and stores the row. */
typedef void cz_depthwise_row_fn(const cz_depthwise *j, const cz_depthwise_row *r);

/** n channels of `count` pixels, `step` samples apart, to 16 f32 each, u8 samples less c->zero. May read CZ_U8_SLACK
 *  bytes more of these. */
typedef void cz_depthwise_copy_fn(const cz_conv *c, float *to, const float *from, size_t count, size_t step, size_t n);

#endif
