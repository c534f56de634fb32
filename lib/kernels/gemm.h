/* SPDX-License-Identifier: BSD-2-Clause
 * Pixels times output channels by the micro kernel: what convolution, transposed convolution and linear share. Weights
 * are packed [group][block of 16 output channels][tap][input channel][16], the last block of a group padded by zeros.
 * A unit of work is a chunk of pixel tiles times a range of (group, block) items. */
#ifndef CZ_KERNELS_GEMM_H
#define CZ_KERNELS_GEMM_H

#include "kernels/fused.h"

#define CZ_MAX_CHUNK ((size_t)32) /* tiles of one unit at most */

/** What one call of the micro kernel (micro.h) reads. A tile is set->pixels pixels by set->blocks blocks. */
typedef struct cz_micro {
    const float *const *rows; /* [taps][pixels of a tile] */
    size_t apart; /* bytes from one pixel's row to the next, where there is one tap and the tile is whole; 0: unknown */
    size_t taps;
    size_t offset;        /* of the first input channel within each row */
    size_t depth;         /* input channels */
    const float *weights; /* [taps][depth][16] */
    size_t next_block;    /* floats from one block of output channels to the next */
    const float *ahead;   /* what will be read next, asked for as the weights are read; they themselves: none */
    size_t next_ahead;    /* the same from block to block */
} cz_micro;

/** Where the results of one tile go. */
typedef struct cz_tile_out {
    float *out; /* or u8, as the epilogue says */
    const size_t *pixel;
    size_t count, channels; /* pixels of the tile; samples from one output pixel to the next */
    size_t first, last;     /* output channels first .. last - 1 */
} cz_tile_out;

/** Computes one tile. */
typedef void cz_tile_fn(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o);

/** at[p][c] += sum of the micro kernel, or = where `more` is false; p < pixels, `step` floats apart, c in as many of
 *  the `blocks` blocks as a tile has. Reads and writes room for a tile's pixels; k->rows has as many pointers. */
typedef void cz_add_fn(const cz_micro *k, size_t pixels, size_t blocks, float *at, size_t step, bool more);

/** Shape of the product and how it is cut into units; made by cz_gemm_plan. */
typedef struct cz_gemm {
    const cz_set *set;                                /* set by the caller */
    size_t pixels, taps, groups, group_in, group_out; /* set by the caller */
    size_t apart;                                     /* the same, for u8: cz_micro's, or 0 */
    size_t tiles;
    size_t chunk;      /* tiles of one unit */
    size_t items;      /* groups times runs of a tile's blocks */
    size_t unit_items; /* items of one unit */
    size_t item_units; /* units of one chunk */
    size_t units;
    size_t scratch; /* bytes for the row pointers of one chunk, aligned */
} cz_gemm;

/** Fills rows[t * tile + p] for the pixels first + p, p < count, with a pointer to the row of input channels that tap
 *  t reads, and pixel[p] with the pixel's number in the output. For count <= p < tile it repeats the last. */
typedef void cz_rows_fn(const void *context, size_t tile, size_t first, size_t count, const float **rows,
                        size_t *pixel);

/** The cz_rows_fn of pixels whose one row, of as many channels, lies dense. */
typedef struct cz_dense_rows {
    const float *x;
    size_t channels;
} cz_dense_rows;
cz_rows_fn cz_fill_dense;

/** Chooses the units; depends on shapes only. false: does not fit size_t. */
bool cz_gemm_plan(cz_gemm *g);

/** Floats of packed weights. false: does not fit. */
bool cz_gemm_packed(size_t groups, size_t group_out, size_t taps, size_t group_in, size_t *floats);

/** Packs rows of `depth` weights each, `out_channels` rows from row `first_row` of the constant on, into blocks. */
void cz_pack_rows(const cz_constant *w, size_t first_row, size_t out_channels, size_t depth, float *packed);

/** Units begin .. end - 1, tile by tile. `channels` is the distance between output pixels; scratch holds g->scratch
 *  bytes. Tiles of another kind than set->tile may take other weights in the place of group_in floats for each tap and
 *  output, and row pointers and `out` to other samples than floats. */
void cz_gemm_run(const cz_gemm *g, cz_tile_fn *tile, const float *weights, const cz_epilogue *e, cz_rows_fn *fill,
                 const void *context, float *out, size_t channels, size_t begin, size_t end, void *scratch);

#endif
