/* SPDX-License-Identifier: BSD-2-Clause
 * What the dense and the depthwise convolution share. */
#ifndef CZ_KERNELS_CONV_H
#define CZ_KERNELS_CONV_H

#include "kernels/gemm.h"

/** Geometry of a convolution at one input size, in integers wide enough for every coordinate. */
typedef struct cz_conv {
    int64_t height, width, out_height, out_width, kernel_h, kernel_w;
    int64_t stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
    size_t channels;       /* of the input */
    size_t step, out_step; /* samples from one pixel of the input, and of the result, to the next */
    bool bytes;            /* samples are u8, not f32: pointers to them are moved by cz_conv_at, and cast to be read */
    float zero;            /* of u8 samples: the one that stands for 0 */
    bool pointwise;        /* output pixel i reads input pixel i and no other */
    bool replicate;        /* padding repeats the edge pixel; else it is zeros */
    const float *x;        /* set in run: the input */
    const float *zeros;    /* set in run: `channels` zeros */
} cz_conv;

/** That of a conv2d's call. */
cz_conv cz_conv_make(const cz_call *call);

/** The sample n after p. */
static inline const float *cz_conv_at(const cz_conv *c, const float *p, size_t n) {
    return c->bytes ? (const float *)(const void *)((const uint8_t *)p + n) : p + n;
}

/** The pixel at (y, x) of image n, or what padding puts there. */
static inline const float *cz_conv_pixel(const cz_conv *c, size_t n, int64_t y, int64_t x) {
    if (y < 0 || y >= c->height || x < 0 || x >= c->width) {
        if (!c->replicate) return c->zeros;
        y = y < 0 ? 0 : y >= c->height ? c->height - 1 : y;
        x = x < 0 ? 0 : x >= c->width ? c->width - 1 : x;
    }
    return cz_conv_at(c, c->x, ((n * (size_t)c->height + (size_t)y) * (size_t)c->width + (size_t)x) * c->step);
}

/* depthwise.c: groups == input channels == output channels > 1; `block` channels, CZ_BLOCK or CZ_DEPTHWISE_PIXEL, lie
 * side by side in the weights */
bool cz_depthwise_prepare(cz_call *call, size_t block);
void cz_depthwise_run(const cz_call *call, const cz_conv *c, size_t block, const void *weights, const cz_epilogue *e,
                      float *out, size_t begin, size_t end, void *scratch);

/* conv_rows.c: the row pointers of a dense convolution; context is a cz_conv */
cz_rows_fn cz_conv_rows;

#define CZ_FEW 4 /* input channels for which the loop over them is too short to be fast */

/** The input channels that a layer of few reads, in order. */
typedef struct cz_chosen {
    uint32_t count, channel[CZ_FEW];
} cz_chosen;

/** Such a layer on one thread: the tap of a pixel is all that a kernel row reads, in a copy that neighbours share. */
typedef struct cz_few {
    cz_conv c;
    cz_chosen chosen;
    const float **rows; /* of the first tile of the chunk */
    float *values;      /* [tile][kernel_h][as many input pixels as the tile's read][chosen] */
    size_t depth;       /* of a tap */
} cz_few;

/* conv_rows.c: its row pointers; context is a cz_few */
cz_rows_fn cz_few_rows;

/** A convolution of u8, dilation 1, on one thread: the tap of a pixel is a kernel row, all columns' channels as they
 * lie, or in a copy where some columns are padding. */
typedef struct cz_joined {
    cz_conv c;
    const float **rows; /* of the first tile of the chunk */
    uint8_t *copies;    /* [tile][`each` bytes] */
    size_t row, each;   /* bytes of a kernel row, with room for whole words; of a tile's copies */
} cz_joined;

/* conv_rows.c: its row pointers; context is a cz_joined */
cz_rows_fn cz_joined_rows;

/* conv_narrow.c: few output channels */
bool cz_narrow_fits(const cz_call *call);
bool cz_narrow_prepare(cz_call *call);
void cz_narrow_run(const cz_call *call, const cz_epilogue *e, const float *x, float *out, size_t begin, size_t end,
                   void *scratch);

#endif
