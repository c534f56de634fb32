/* SPDX-License-Identifier: BSD-2-Clause
 * matmul: out[n][h][m][c] = alpha sum, sum = 0; for k ascending: sum = fma(a[n][h][m][k], b[n][h][k][c], sum), where
 * transpose_b reads b[n][h][c][k], and b may have one n or one h for all of a's.
 * A unit packs one panel of b's columns as weights are packed, and multiplies rows of a by it. */
#include "kernels/set.h"

#include <string.h>

/** How the product is cut into units: batch, panel, part of the rows. */
typedef struct split {
    size_t batches, panels, parts, part_rows, rows, columns, depth;
    size_t panel;      /* columns of one, those of a tile */
    size_t pack_bytes; /* of one packed panel, aligned */
} split;

static bool split_of(const cz_call *call, split *s) {
    const cz_shape *a = &call->in[0], *out = &call->out;
    *s = (split){.panel = call->set->blocks * CZ_BLOCK,
                 .batches = (size_t)a->d[0] * a->d[1],
                 .rows = a->d[2],
                 .columns = out->d[3],
                 .depth = a->d[3]};
    s->panels = cz_ceil_div(s->columns, s->panel);
    /* packing costs as much as one row; a part has at least 64 of them */
    const size_t others = s->batches * s->panels, wanted = others < 32 ? cz_ceil_div(32, others) : 1;
    s->part_rows = cz_max(cz_min(64, s->rows), cz_ceil_div(s->rows, wanted));
    s->parts = cz_ceil_div(s->rows, s->part_rows);
    return cz_mul(s->depth, s->panel * sizeof(float), &s->pack_bytes) && cz_align_up(s->pack_bytes, &s->pack_bytes);
}

/** Packs `count` columns of b from `first` on: [block][k][16], zeros beyond the last column. */
static void pack_panel(const float *b, bool transposed, size_t first, size_t count, const split *s, float *packed) {
    for (size_t c = 0; c < count; c += CZ_BLOCK) {
        const size_t n = cz_min(CZ_BLOCK, count - c);
        float *block = packed + c * s->depth;
        if (!transposed) {
            const float *from = b + first + c;
            for (size_t k = 0; k < s->depth; k++, from += s->columns, block += CZ_BLOCK) {
                if (n == CZ_BLOCK) {
                    memcpy(block, from, CZ_BLOCK * sizeof *block);
                    continue;
                }
                memcpy(block, from, n * sizeof *block);
                memset(block + n, 0, (CZ_BLOCK - n) * sizeof *block);
            }
            continue;
        }
        for (size_t i = 0; i < CZ_BLOCK; i++) {
            const float *from = b + (first + c + cz_min(i, n - 1)) * s->depth;
            for (size_t k = 0; k < s->depth; k++) block[k * CZ_BLOCK + i] = i < n ? from[k] : 0.0f;
        }
    }
}

static bool prepare(cz_call *call) {
    split s;
    size_t at;
    if (!split_of(call, &s)) return false;
    call->units = s.batches * s.panels * s.parts; /* fits: no more than the elements of the result */
    call->scratch = s.pack_bytes;
    return cz_layout(&call->scratch, CZ_MAX_CHUNK * call->set->pixels, sizeof(float *) + sizeof(size_t), &at) &&
           cz_align_up(call->scratch, &call->scratch);
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    const cz_attr_matmul *attr = call->attr;
    const cz_shape *a = &call->in[0], *b = &call->in[1];
    const cz_epilogue e = {.alpha = attr->alpha};
    split s;
    if (!split_of(call, &s)) return; /* cannot be: prepare() has made the same */
    float *packed = scratch;
    size_t held = SIZE_MAX; /* the panel that `packed` holds */
    for (size_t unit = begin; unit < end; unit++) {
        const size_t part = unit % s.parts, panel = unit / s.parts % s.panels, batch = unit / s.parts / s.panels;
        const size_t first = panel * s.panel, count = cz_min(s.panel, s.columns - first), row = part * s.part_rows;
        if (unit / s.parts != held) {
            const size_t n = batch / a->d[1] % b->d[0], h = batch % a->d[1] % b->d[1];
            pack_panel(in[1] + (n * b->d[1] + h) * s.depth * s.columns, attr->transpose_b == 1, first, count, &s,
                       packed);
            held = unit / s.parts;
        }
        const cz_dense_rows dense = {in[0] + (batch * s.rows + row) * s.depth, s.depth};
        cz_gemm g = {
            .set = call->set, .pixels = cz_min(s.part_rows, s.rows - row), .taps = 1, .groups = 1, .group_in = s.depth};
        g.group_out = count;
        if (!cz_gemm_plan(&g)) return; /* cannot be: these sizes are within the tensors' */
        cz_gemm_run(&g, call->set->tile, packed, &e, cz_fill_dense, &dense,
                    out + (batch * s.rows + row) * s.columns + first, s.columns, 0, g.units,
                    (unsigned char *)scratch + s.pack_bytes);
    }
}

const cz_kernel cz_kernel_matmul = {NULL, NULL, prepare, run};
