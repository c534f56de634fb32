/* SPDX-License-Identifier: BSD-2-Clause
 * Stride-1 convolution by Winograd's F(4,3), and the 2x2 phases of a transposed convolution by F(4,2): what conv.c and
 * conv_transpose.c call where cz_wino_plan says that it is cheaper than the direct sum. The weights are those that the
 * direct kernel packs: they are transformed as they are used, a block at a time, so that one set of packed weights
 * serves every size of input, and a quarter of the bytes comes from memory. */
#ifndef CZ_KERNELS_WINOGRAD_H
#define CZ_KERNELS_WINOGRAD_H

#include "kernels/conv.h"

#define CZ_WINO_TILE  4              /* outputs along one axis */
#define CZ_WINO_INPUT 6              /* inputs along one axis, at most: taps + 3 */
#define CZ_WINO_UNITS 2              /* units that threads want to share of a step */
#define CZ_WINO_PAIR  (2 * CZ_BLOCK) /* output channels for which weights are transformed at a time */

/** Output pixels along one axis, as interleaved phases: pixel i of phase p is output coordinate out + p + i out_step,
 *  and its first tap reads input coordinate in + p + i step; the next taps read on in steps of `step`. */
typedef struct cz_wino_axis {
    size_t phases, longer; /* phases; the first `longer` of them have one pixel more */
    size_t pixels;         /* of each of the others */
    int64_t out, out_step, in, step;
} cz_wino_axis;

/** Where the parts of the scratch lie. */
typedef struct cz_wino_parts {
    size_t v_plane, u_plane, m_plane;        /* floats from one plane to the next */
    size_t v_piece;                          /* floats from one piece of V to the next */
    size_t v, u, m, zeros, rows, tiles, end; /* bytes from the start of the scratch */
} cz_wino_parts;

/** A tile: first output pixel, first input pixel, outputs that exist. */
typedef struct cz_wino_place {
    int64_t out_y, out_x, in_y, in_x;
    size_t image, rows, columns;
} cz_wino_place;

typedef struct cz_wino {
    /* set by the caller */
    const cz_set *set;
    cz_conv c;         /* sizes, channels, padding; taps and steps are in the axes */
    cz_wino_axis y, x; /* */
    size_t images;     /* N */
    size_t out;        /* output channels */
    size_t taps;       /* along each axis: 3, or 2 */
    size_t wanted;     /* units: CZ_WINO_UNITS, fewer where the step has others beside these */
    bool reversed;     /* the packed taps go from the last to the first */
    /* set by cz_wino_plan */
    size_t tiles_y, tiles_x, tiles;
    size_t strip, strips; /* tiles of a strip; how many */
    size_t depth, depths; /* input channels of one pass, a multiple of 16; how many passes */
    size_t piece;         /* input channels for which weights are transformed at a time */
    bool streamed;        /* results go past the caches, if the set can */
    size_t range, ranges; /* pairs of blocks of 16 output channels of a unit; how many */
    size_t units;
    cz_wino_parts p; /* of the scratch, which ends at p.end */
} cz_wino;

/** Chooses the units, and whether this way is cheaper; depends on shapes only. false: it is not (or does not fit). */
bool cz_wino_plan(cz_wino *w);

/** Units begin .. end - 1; w->c.x is the input. `weights` as cz_pack_rows packs them. */
void cz_wino_run(const cz_wino *w, const float *weights, const cz_epilogue *e, float *out, size_t begin, size_t end,
                 void *scratch);

/** True where the conv2d goes by Winograd, and then its plan (conv.c). */
bool cz_conv_winograd(const cz_call *call, cz_wino *w);

/* The transforms (winograd_transform.c). Product f = y (taps + 3) + x of what they give or take lies f planes on. */

/** B^T d B of one tile and `count` input channels, a multiple of 16. `pixel` and `next`: the tile's inputs row by row,
 *  and those that are wanted next, asked for meanwhile. */
typedef void cz_wino_input_fn(size_t taps, const float *const *pixel, const float *const *next, size_t count, float *v,
                              size_t plane);

/** G g G^T of one block of 16 output channels and the first `depth` of `left` input channels: the first one's tap
 *  y taps + x lies at weights + (y taps + x) tap. */
typedef void cz_wino_weights_fn(size_t taps, const float *weights, ptrdiff_t tap, size_t depth, size_t left, float *u,
                                size_t plane);

/** Where the results of one tile and block go: pixel (y, x) of it is number first + y down + x right of `out`. */
typedef struct cz_wino_out {
    float *out;
    size_t first, down, right;
    size_t rows, columns; /* of the tile's 4 by 4 that exist */
    size_t channels;      /* of a pixel of `out` */
    size_t c, n;          /* output channels c .. c + n - 1, n at most 16 */
    bool streamed;        /* whole tiles go past the caches: their pixels' 16 channels are lines of them */
} cz_wino_out;

/** epilogue(A^T M A + bias), stored. */
typedef void cz_wino_output_fn(size_t taps, const float *m, size_t plane, const cz_epilogue *e, const cz_wino_out *o);

#endif
