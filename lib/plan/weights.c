/* SPDX-License-Identifier: BSD-2-Clause */
#include "plan/weights.h"

/** The part of a cz_call that packing knows: no input size yet. */
static cz_call packing_call(const cz_model *model, const cz_set *set, const cz_op *op) {
    return (cz_call){.set = set, .attr = &op->attr, .weight = &model->constants[op->in[1] - model->n_inputs]};
}

/** Marks the constants that some operator reads as a plain operand and that are not f32 in the file. */
static void mark_converted(const cz_model *model, const float **plain) {
    static const float mark = 0;
    for (size_t i = 0; i < model->n_ops; i++) {
        const cz_op *op = &model->ops[i];
        for (size_t k = 0; k < CZ_MAX_INPUTS; k++) {
            if (!cz_model_is_constant(model, op->in[k]) || (k == 1 && cz_op_find(op->id)->packed)) continue;
            const size_t c = op->in[k] - model->n_inputs;
            if (model->constants[c].dtype != CZ_F32) plain[c] = &mark;
        }
    }
}

/** Lays out the block after the pointer tables; with a base, also fills it. One function for size and fill.
 *  @param plain  in: not NULL where a constant is to be converted; out (filling): the values. */
static bool lay_out(const cz_model *model, const cz_set *set, unsigned char *base, const void **packed,
                    const float **plain, size_t *end) {
    size_t at, bytes;
    for (size_t i = 0; i < model->n_ops; i++) {
        const cz_op *op = &model->ops[i];
        if (!cz_op_find(op->id)->packed) continue;
        const cz_kernel *kernel = cz_kernel_of(set, op->id);
        cz_call call = packing_call(model, set, op);
        if (!kernel->packed_size(&call, &bytes) || !cz_layout(end, bytes, 1, &at)) return false;
        if (base == NULL) continue;
        kernel->pack(&call, base + at);
        packed[i] = base + at;
    }
    for (size_t c = 0; c < model->n_constants; c++) {
        const cz_constant *constant = &model->constants[c];
        if (constant->dtype == CZ_F32 && base != NULL) plain[c] = constant->data;
        if (plain[c] == NULL || constant->dtype == CZ_F32) continue;
        const size_t count = cz_elements(&constant->shape);
        if (!cz_layout(end, count, sizeof(float), &at)) return false;
        if (base == NULL) continue;
        float *values = (float *)(void *)(base + at);
        cz_constant_read(constant, 0, count, values);
        plain[c] = values;
    }
    return cz_align_up(*end, end);
}

int32_t cz_weights_make(cz_weights **out, const cz_model *model, int32_t cpu, const cz_alloc *a, cz_error *err) {
    const cz_set *set = cz_set_of(cpu);
    size_t tables = sizeof(cz_weights), packed_at, plain_at, end;
    *out = NULL;
    if (!cz_layout(&tables, model->n_ops, sizeof(void *), &packed_at) ||
        !cz_layout(&tables, model->n_constants, sizeof(float *), &plain_at))
        return cz_fail(err, COLORIZER_E_MEMORY, "the model's tables do not fit the address space");
    /* The tables are needed before the size is known: made alone first, then as the head of the whole block. */
    unsigned char *head = cz_alloc_get(a, tables);
    if (head == NULL) return cz_fail(err, COLORIZER_E_MEMORY, "no memory for %zu bytes of weight tables", tables);
    mark_converted(model, (const float **)(void *)(head + plain_at));
    end = tables;
    const bool fits = lay_out(model, set, NULL, NULL, (const float **)(void *)(head + plain_at), &end);
    cz_alloc_put(a, head, tables);
    if (!fits) return cz_fail(err, COLORIZER_E_MEMORY, "the packed weights do not fit the address space");

    unsigned char *block = cz_alloc_get(a, end);
    if (block == NULL) return cz_fail(err, COLORIZER_E_MEMORY, "no memory for %zu bytes of packed weights", end);
    cz_weights *w = (cz_weights *)(void *)block;
    *w = (cz_weights){.set = set,
                      .packed = (const void **)(void *)(block + packed_at),
                      .plain = (const float **)(void *)(block + plain_at),
                      .bytes = end};
    mark_converted(model, w->plain);
    end = tables;
    lay_out(model, set, block, w->packed, w->plain, &end);
    *out = w;
    return COLORIZER_OK;
}

void cz_weights_free(cz_weights *w, const cz_alloc *a) {
    if (w != NULL) cz_alloc_put(a, w, w->bytes);
}
