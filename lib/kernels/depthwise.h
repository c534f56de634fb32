/* SPDX-License-Identifier: BSD-2-Clause
 * What depthwise.c, compiled once, and depthwise_rows.c and depthwise_i8.c, compiled for each instruction set, share.
 */
#ifndef CZ_KERNELS_DEPTHWISE_H
#define CZ_KERNELS_DEPTHWISE_H

#include "kernels/conv.h"

#define CZ_DEPTHWISE_TILE                                                                                              \
    ((size_t)8) /* pixels: sums in registers, beside the weights of one kernel row and an input                        \
                 */

/** How many output rows go at once where the last block holds `rest` channels: depthwise_i8.c fills its lanes so. */
static inline size_t cz_depthwise_fold(size_t block, size_t rest) {
    return block == CZ_BLOCK || rest == 0 ? 1 : rest <= block / 4 ? 4 : rest <= block / 2 ? 2 : 1;
}

#define CZ_DEPTHWISE_PIXEL ((size_t)64) /* bytes of one pixel in a line: 16 f32, or 64 u8 for depthwise_i8.c */

/** Bytes in which depthwise_i8.c keeps, by channel of a block, what every row needs: three numbers. */
#define CZ_DEPTHWISE_ENDS (3 * CZ_DEPTHWISE_PIXEL * sizeof(float))

/** A layer on one thread. */
typedef struct cz_depthwise {
    cz_conv c;
    const cz_epilogue *e;
    size_t line;         /* pixels of a line */
    size_t block;        /* channels of a pixel in a line */
    const void *weights; /* f32 [block][tap][16], or as depthwise_i8.c has them */
    float *lines;        /* [block][kernel_h][line], CZ_DEPTHWISE_PIXEL bytes each */
    const float **taps;  /* [kernel_h], rounded up to a multiple of 4: pointers into lines */
    float *sums;         /* [columns][block], of what cannot go straight to the output */
    unsigned char *ends; /* [block] CZ_DEPTHWISE_ENDS bytes of u8 */
} cz_depthwise;

/** One row of outputs of one block of channels. */
typedef struct cz_depthwise_row {
    size_t pixel, count; /* number of the first output pixel; how many */
    size_t rows, fold;   /* fold > 1: so many rows at once, of room for `fold`, side by side in a line's channels */
    size_t c, n;         /* channels c .. c + n - 1, n at most a block over fold */
    const float *lines;  /* of this block */
    size_t slot;         /* the line of the first kernel row; the others follow, round the lines */
    unsigned char *ends; /* for depthwise_i8.c: CZ_DEPTHWISE_ENDS bytes of its own; `fresh`: not filled yet */
    bool fresh;
    const float *ahead; /* f32 input row that the next output row will copy; NULL: none */
    float *out;
} cz_depthwise_row;

/** Sums, finishes and stores the row. */
typedef void cz_depthwise_row_fn(const cz_depthwise *j, const cz_depthwise_row *r);

/** n channels of `count` pixels, `step` samples apart, to a line, as f32 less c->zero of u8 samples; or, of
 *  depthwise_i8.c, 64, 32 or 16 u8 channels as they are, of which up to CZ_U8_SLACK bytes lie past the last. */
typedef void cz_depthwise_copy_fn(const cz_conv *c, float *to, const float *from, size_t count, size_t step, size_t n);

#endif
