/* SPDX-License-Identifier: BSD-2-Clause
 * What conv_narrow.c, compiled once, and narrow_rows.c, compiled for each instruction set, share. */
#ifndef CZ_KERNELS_NARROW_H
#define CZ_KERNELS_NARROW_H

#include "kernels/conv.h"

#define CZ_NARROW_OUT  4  /* output channels at most */
#define CZ_NARROW_STEP 64 /* pixels of a row at a time, at most; sets may take less, by halves */

/** A layer on one thread. */
typedef struct cz_narrow {
    cz_conv c;
    cz_epilogue e;        /* over a row's values: pixels times channels, bias left out */
    const float *bias;    /* by channel; NULL: none */
    const float *weights; /* [tap][input channel][16] */
    size_t out, kernel;   /* channels; rows of the kernel */
    size_t span;          /* floats of one turned row and channel, a multiple of CZ_NARROW_STEP and what taps reach */
    float *turned; /* [kernel][input channel][span]: row i of the input, counted with its padding, in i % kernel */
} cz_narrow;

/** Turns input row y of an image, which may lie in the padding, to channel by x. */
typedef void cz_narrow_turn_fn(const cz_narrow *j, size_t image, int64_t y, float *to);

/** Output row number `row`, the oy-th of its image, whose input rows are turned. */
typedef void cz_narrow_row_fn(const cz_narrow *j, size_t row, size_t oy, float *out);

#endif
