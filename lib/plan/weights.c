/* SPDX-License-Identifier: BSD-2-Clause */
#include "plan/weights.h"

/** The part of a cz_call that packing knows: no input size yet. */
static cz_call packing_call(const cz_set *set, const cz_op *op, const cz_constant *weight) {
    return (cz_call){.set = set, .attr = &op->attr, .weight = weight};
}

/** Lays out the block after the pointer tables and, where there is one, fills these. One function for both. */
static bool lay_out(const cz_model *m, const cz_set *set, cz_weights *w, size_t *end) {
    unsigned char *base = (unsigned char *)w;
    size_t at, bytes;
    for (size_t i = 0; i < m->n_ops; i++) {
        const cz_op *op = &m->ops[i];
        if (!cz_op_find(op->id)->packed) continue;
        const cz_call call = packing_call(set, op, &m->constants[op->in[1] - m->n_inputs]);
        if (!cz_kernel_of(set, op->id)->packed_size(&call, &bytes) || !cz_layout(end, bytes, 1, &at)) return false;
        if (w != NULL) w->packed[i] = base + at;
    }
    for (size_t i = 0; i < m->n_constants; i++) {
        const cz_constant *c = &m->constants[i];
        if (!c->kept || (c->dtype == CZ_F32 && c->data != NULL)) continue;
        if (!cz_layout(end, cz_elements(&c->shape), sizeof(float), &at)) return false;
        if (w != NULL) w->plain[i] = (float *)(void *)(base + at);
    }
    return cz_align_up(*end, end);
}

/** The block, with nothing packed yet. */
static int32_t make_empty(cz_weights **out, const cz_model *m, int32_t cpu, const cz_alloc *a, cz_error *err) {
    const cz_set *set = cz_set_of(cpu);
    size_t tables = sizeof(cz_weights), packed, plain, end;
    *out = NULL;
    bool fits = cz_layout(&tables, m->n_ops, sizeof(void *), &packed) &&
                cz_layout(&tables, m->n_constants, sizeof(float *), &plain);
    end = tables;
    fits = fits && lay_out(m, set, NULL, &end);
    unsigned char *base = fits ? cz_alloc_get(a, end) : NULL;
    if (base == NULL) return cz_fail(err, COLORIZER_E_MEMORY, "no memory for the packed weights");
    cz_weights *w = (cz_weights *)(void *)base;
    *w = (cz_weights){.set = set,
                      .packed = (void **)(void *)(base + packed),
                      .plain = (float **)(void *)(base + plain),
                      .bytes = end};
    end = tables;
    (void)lay_out(m, set, w, &end); /* fits, as before */
    *out = w;
    return COLORIZER_OK;
}

/** Takes constant i, which `c` sees, for all that need it. */
static void take(cz_weights *w, const cz_model *m, size_t i, const cz_constant *c) {
    for (size_t k = 0; k < m->n_ops; k++) {
        const cz_op *op = &m->ops[k];
        if (w->packed[k] == NULL || op->in[1] != m->n_inputs + i) continue;
        const cz_call call = packing_call(w->set, op, c);
        cz_kernel_of(w->set, op->id)->pack(&call, w->packed[k]);
    }
    if (w->plain[i] != NULL) cz_constant_read(c, 0, cz_elements(&c->shape), w->plain[i]);
}

int32_t cz_weights_make(cz_weights **out, const cz_model *model, int32_t cpu, const cz_alloc *a, cz_error *err) {
    const int32_t status = make_empty(out, model, cpu, a, err);
    for (size_t i = 0; status == COLORIZER_OK && i < model->n_constants; i++)
        take(*out, model, i, &model->constants[i]);
    return status;
}

int32_t cz_weights_read(cz_weights **out, cz_model *model, const cz_file *file, cz_read_fn *read, void *user,
                        int32_t cpu, const cz_alloc *a, cz_error *err) {
    size_t most = 0;
    cz_payload payload;
    *out = NULL;
    for (uint32_t i = 0; i < model->n_constants; i++) most = cz_max(most, cz_file_span(file, i));
    unsigned char *block = cz_alloc_get(a, most);
    if (block == NULL) return cz_fail(err, COLORIZER_E_MEMORY, "no memory for a block of %zu bytes", most);
    int32_t status = make_empty(out, model, cpu, a, err);
    cz_file_payload_start(&payload);
    for (uint32_t i = 0; status == COLORIZER_OK && i < model->n_constants; i++) {
        cz_constant seen = model->constants[i];
        status = read(user, block, cz_file_span(file, i), err);
        if (status != COLORIZER_OK || !cz_file_add_block(&payload, file, i, block, err)) continue;
        cz_constant_see(&seen, block);
        take(*out, model, i, &seen);
        if (seen.dtype == CZ_F32) model->constants[i].data = (*out)->plain[i];
    }
    if (status == COLORIZER_OK) status = cz_file_payload_end(&payload, file, err);
    cz_alloc_put(a, block, most);
    if (status == COLORIZER_OK) return status;
    cz_weights_free(*out, a);
    *out = NULL;
    return status;
}

void cz_weights_free(cz_weights *w, const cz_alloc *a) {
    if (w != NULL) cz_alloc_put(a, w, w->bytes);
}
