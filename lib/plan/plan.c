/* SPDX-License-Identifier: BSD-2-Clause */
#include "plan/plan.h"

#include "plan/arena.h"
#include "plan/pixels.h"

/** Most bytes of scratch that an operator may take for each thread. The networks that are measured take 12 MB at most,
 * at any size; a kernel of 255 x 255 with dilation 64 would take gigabytes. */
#define CZ_MAX_SCRATCH ((size_t)64 << 20)

static cz_operand operand(const cz_plan *p, const cz_weights *w, uint32_t tensor) {
    if (tensor == CZ_NO_TENSOR) return (cz_operand){NULL, CZ_NO_OFFSET};
    if (cz_model_is_constant(p->model, tensor)) {
        const size_t c = tensor - p->model->n_inputs;
        return (cz_operand){w->plain[c] != NULL ? w->plain[c] : p->model->constants[c].data, CZ_NO_OFFSET};
    }
    return (cz_operand){NULL, p->offsets[tensor]};
}

static double work(const cz_op *op, const cz_step *s) {
    return (double)cz_op_work(op->id, &op->attr, s->call.in, &s->call.out) + 1;
}

/** Fills the steps: shapes, kernels, units, scratch. Offsets come later. */
static int32_t fill_steps(cz_plan *p, const cz_weights *w, const cz_pixels *pixels, cz_error *err) {
    const cz_model *m = p->model;
    for (size_t i = 0; i < m->n_ops; i++) {
        const cz_op *op = &m->ops[i];
        cz_step *s = &p->steps[i];
        s->kernel = cz_kernel_of(w->set, op->id);
        s->call.set = w->set;
        s->call.attr = &op->attr;
        s->call.packed = w->packed[i];
        const uint32_t out = cz_model_op_tensor(m, (uint32_t)i);
        s->call.out = p->shapes[out];
        s->call.in_step = pixels[op->in[0]].step;
        s->call.out_step = pixels[out].step;
        s->call.padded = pixels[out].padded;
        for (size_t k = 0; k < CZ_MAX_INPUTS; k++)
            if (op->in[k] != CZ_NO_TENSOR) s->call.in[k] = p->shapes[op->in[k]];
        if (s->call.packed != NULL) s->call.weight = &m->constants[op->in[1] - m->n_inputs];
        if (!s->kernel->prepare(&s->call) || !cz_align_up(s->call.scratch, &s->call.scratch))
            return cz_fail(err, COLORIZER_E_MEMORY, "operator %zu: its scratch does not fit the address space", i);
        if (s->call.scratch > CZ_MAX_SCRATCH)
            return cz_fail(err, COLORIZER_E_MODEL, "operator %zu: %zu bytes of scratch a thread, more than %zu", i,
                           s->call.scratch, CZ_MAX_SCRATCH);
        p->scratch = cz_max(p->scratch, s->call.scratch);
    }
    return COLORIZER_OK;
}

/** Lives of the tensors in steps: an input is there before step 0, an output stays to the end. */
static void lives(const cz_plan *p, const cz_pixels *pixels, cz_block *blocks) {
    const cz_model *m = p->model;
    const uint32_t n = m->n_tensors;
    for (uint32_t t = 0; t < n; t++) {
        const size_t born = cz_model_is_op(m, t) ? t - cz_model_op_tensor(m, 0) : 0;
        blocks[t] = (cz_block){.first = born, .last = born};
        const size_t count = cz_elements(&p->shapes[t]) / p->shapes[t].d[3] * pixels[t].step;
        if (!cz_model_is_constant(m, t) && pixels[t].host == t)
            blocks[t].bytes = cz_model_type(m, t) == CZ_TYPE_U8 ? count + CZ_U8_SLACK : count * sizeof(float);
    }
    for (uint32_t t = 0; t < n; t++) {
        cz_block *host = &blocks[pixels[t].host];
        host->first = cz_min(host->first, blocks[t].first);
    }
    for (size_t i = 0; i < m->n_ops; i++)
        for (size_t k = 0; k < CZ_MAX_INPUTS; k++)
            if (m->ops[i].in[k] != CZ_NO_TENSOR) blocks[m->ops[i].in[k]].last = i;
    for (size_t i = 0; i < m->n_outputs; i++) blocks[m->outputs[i].tensor].last = m->n_ops;
}

/** Makes the arena so long that at every step scratch lies behind all tensors that live. false: does not fit size_t. */
static bool add_scratch(cz_plan *p, const cz_block *blocks) {
    size_t others, end;
    if (!cz_mul(p->scratch, p->threads - 1, &others)) return false;
    for (size_t i = 0; i < p->n_steps; i++) {
        size_t top = 0;
        if (p->steps[i].call.scratch == 0) continue;
        for (uint32_t t = 0; t < p->model->n_tensors; t++)
            if (blocks[t].first <= i && i <= blocks[t].last) top = cz_max(top, blocks[t].offset + blocks[t].bytes);
        if (!cz_align_up(top, &end) || !cz_add(end, others, &end) || !cz_add(end, p->steps[i].call.scratch, &end))
            return false;
        p->arena_bytes = cz_max(p->arena_bytes, end);
    }
    return true;
}

/** Gives the arena's length for one order of placing; false: does not fit size_t. */
static bool try_life(cz_plan *p, size_t life, cz_block *blocks, uint32_t *order) {
    return cz_arena_place(blocks, p->model->n_tensors, life, order, &p->arena_bytes) && add_scratch(p, blocks);
}

/** Small tensors that live long are best at the bottom, out of the way of scratch, or in gaps: both are tried. */
static int32_t place(cz_plan *p, const cz_pixels *pixels, cz_block *blocks, uint32_t *order, cz_error *err) {
    const uint32_t n = p->model->n_tensors;
    lives(p, pixels, blocks);
    bool fits = try_life(p, SIZE_MAX, blocks, order);
    const size_t bytes = p->arena_bytes;
    fits = fits && try_life(p, p->n_steps / 2, blocks, order);
    if (fits && bytes <= p->arena_bytes) fits = try_life(p, SIZE_MAX, blocks, order);
    if (!fits) return cz_fail(err, COLORIZER_E_MEMORY, "the network's tensors do not fit the address space");
    for (uint32_t t = 0; t < n; t++)
        p->offsets[t] = cz_model_is_constant(p->model, t)
                            ? CZ_NO_OFFSET
                            : blocks[pixels[t].host].offset + pixels[t].shift * sizeof(float);
    return COLORIZER_OK;
}

static void connect(cz_plan *p, const cz_weights *w) {
    const cz_model *m = p->model;
    double done = 0;
    for (size_t i = 0; i < p->n_steps; i++) p->work += work(&m->ops[i], &p->steps[i]);
    for (size_t i = 0; i < p->n_steps; i++) {
        cz_step *s = &p->steps[i];
        for (size_t k = 0; k < CZ_MAX_INPUTS; k++) s->in[k] = operand(p, w, m->ops[i].in[k]);
        s->out = p->offsets[cz_model_op_tensor(m, (uint32_t)i)];
        done += work(&m->ops[i], s);
        s->done = (float)(done / p->work);
    }
}

int32_t cz_plan_make(cz_plan **out, const cz_model *model, const cz_weights *weights, const cz_shape *inputs,
                     uint32_t threads, const cz_alloc *a, cz_error *err) {
    size_t end = sizeof(cz_plan), steps, shapes, offsets, pixels = 0, blocks, order, temporary = 0;
    *out = NULL;
    if (!cz_layout(&end, model->n_ops, sizeof(cz_step), &steps) ||
        !cz_layout(&end, model->n_tensors, sizeof(cz_shape), &shapes) ||
        !cz_layout(&end, model->n_tensors, sizeof(size_t), &offsets) ||
        !cz_layout(&temporary, model->n_tensors, sizeof(cz_pixels), &pixels) ||
        !cz_layout(&temporary, model->n_tensors, sizeof(cz_block), &blocks) ||
        !cz_layout(&temporary, model->n_tensors, sizeof(uint32_t), &order))
        return cz_fail(err, COLORIZER_E_MEMORY, "the plan does not fit the address space");
    unsigned char *base = cz_alloc_get(a, end), *temp = cz_alloc_get(a, temporary);
    int32_t status = COLORIZER_OK;
    if (base == NULL || temp == NULL) {
        status = cz_fail(err, COLORIZER_E_MEMORY, "no memory for a plan of %zu bytes", end + temporary);
        goto done;
    }
    cz_plan *p = (cz_plan *)(void *)base;
    *p = (cz_plan){.model = model,
                   .steps = (cz_step *)(void *)(base + steps),
                   .n_steps = model->n_ops,
                   .shapes = (cz_shape *)(void *)(base + shapes),
                   .offsets = (size_t *)(void *)(base + offsets),
                   .threads = threads,
                   .bytes = end};
    status = cz_model_shapes(model, inputs, p->shapes, err);
    cz_pixels *lie = (cz_pixels *)(void *)(temp + pixels);
    if (status == COLORIZER_OK) {
        cz_pixels_make(model, p->shapes, lie);
        status = fill_steps(p, weights, lie, err);
    }
    if (status == COLORIZER_OK)
        status = place(p, lie, (cz_block *)(void *)(temp + blocks), (uint32_t *)(void *)(temp + order), err);
    if (status == COLORIZER_OK) {
        connect(p, weights);
        *out = p;
    }
done:
    cz_alloc_put(a, temp, temporary);
    if (status != COLORIZER_OK) cz_alloc_put(a, base, end);
    return status;
}

void cz_plan_free(cz_plan *p, const cz_alloc *a) {
    if (p != NULL) cz_alloc_put(a, p, p->bytes);
}
