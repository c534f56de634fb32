/* SPDX-License-Identifier: BSD-2-Clause */
#include "plan/pixels.h"

#define NEAR     4  /* operators from a writer to the concatenation, at most: so long the whole result is kept longer */
#define LEAST    16 /* channels of what conv2d writes into another: its loops for few channels write dense pixels */
#define RESIDUAL 5  /* the input of conv2d that lies as its result */

static bool writes_spaced(uint32_t op) {
    return op == CZ_OP_conv2d || op == CZ_OP_concat || op == CZ_OP_pixel_shuffle || op == CZ_OP_pool2d ||
           op == CZ_OP_resize;
}

/** Channels up to whole lines. */
static size_t whole(size_t channels) { return cz_ceil_div(channels, CZ_BLOCK) * CZ_BLOCK; }

/** The operator that writes tensor t, if it can space its pixels; else NULL. */
static const cz_op *writer(const cz_model *m, uint32_t t) {
    if (!cz_model_is_op(m, t) || cz_model_type(m, t) != CZ_TYPE_F32) return NULL;
    const cz_op *op = &m->ops[t - cz_model_op_tensor(m, 0)];
    return writes_spaced(op->id) ? op : NULL;
}

/** The tensor that tells for t; makes the way to it shorter. */
static uint32_t teller(cz_pixels *all, uint32_t t) {
    for (; all[t].like != t; t = all[t].like) all[t].like = all[all[t].like].like;
    return t;
}

/** What a tensor's own shape and writer allow. An output is read by the caller, and dense. */
static void start(const cz_model *m, const cz_shape *shapes, cz_pixels *all) {
    for (uint32_t t = 0; t < m->n_tensors; t++) {
        const size_t channels = shapes[t].d[3], more = whole(channels) - channels;
        all[t] = (cz_pixels){.host = t, .like = t, .step = channels};
        all[t].padded = more > 0 && more <= channels / CZ_BLOCK && writer(m, t) != NULL;
    }
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        all[m->outputs[i].tensor].readers = m->n_ops + 1;
        all[m->outputs[i].tensor].padded = false;
    }
}

/** Takes what operator i reads: what it cannot read padded is not; a residual and the result are both padded, or none
 *  is. */
static void take(const cz_model *m, uint32_t i, cz_pixels *all) {
    for (uint32_t k = 0; k < CZ_MAX_INPUTS; k++) {
        const uint32_t t = m->ops[i].in[k];
        if (t == CZ_NO_TENSOR) continue;
        all[t].readers++;
        if (m->ops[i].id != CZ_OP_conv2d || (k != 0 && k != RESIDUAL))
            all[t].padded = false;
        else if (k == RESIDUAL)
            all[teller(all, t)].like = teller(all, cz_model_op_tensor(m, i));
    }
}

static void pad(const cz_model *m, const cz_shape *shapes, cz_pixels *all) {
    for (uint32_t t = 0; t < m->n_tensors; t++)
        if (!all[t].padded) all[teller(all, t)].padded = false;
    for (uint32_t t = 0; t < m->n_tensors; t++) {
        all[t].padded = all[teller(all, t)].padded;
        if (all[t].padded) all[t].step = whole(shapes[t].d[3]);
    }
}

/** Has what operator i reads, a concatenation along the channels, written into its result where that can be. */
static void host(const cz_model *m, uint32_t i, const cz_shape *shapes, cz_pixels *all) {
    const uint32_t result = cz_model_op_tensor(m, i);
    size_t shift = 0;
    for (uint32_t k = 0; k < CZ_MAX_INPUTS; k++) {
        const uint32_t t = m->ops[i].in[k];
        if (t == CZ_NO_TENSOR) continue;
        const size_t channels = shapes[t].d[3];
        const cz_op *op = writer(m, t);
        if (op != NULL && op->id != CZ_OP_concat && op->in[RESIDUAL] == CZ_NO_TENSOR && all[t].readers == 1 &&
            (channels >= LEAST || op->id != CZ_OP_conv2d) && result - t <= NEAR) {
            all[t].host = result;
            all[t].shift = shift;
            all[t].step = all[result].step;
        }
        shift += channels;
    }
}

void cz_pixels_make(const cz_model *m, const cz_shape *shapes, cz_pixels *all) {
    start(m, shapes, all);
    for (uint32_t i = 0; i < m->n_ops; i++) take(m, i, all);
    pad(m, shapes, all);
    for (uint32_t i = 0; i < m->n_ops; i++)
        if (m->ops[i].id == CZ_OP_concat && m->ops[i].attr.concat.axis == 3) host(m, i, shapes, all);
}
